// What stands around the map: legend, slider, what a place is when pointed at, and who made the base map. All words are
// data's, so they are set as text.
import { Popup } from "maplibre-gl";
import { atStep } from "./style.js";

export function part(tag, name, ...children) {
  const element = document.createElement(tag);
  element.className = `footfall-${name}`;
  element.append(...children);
  return element;
}

export function legend({ title, legend }) {
  const blocks = legend.map(({ title, items }) => part("div", "block", part("b", "name", title), ...items.map(row)));
  const heading = title ? [part("div", "title", title)] : [];
  return blocks.length || title ? part("div", "legend", ...heading, ...blocks) : null;
}

export function row({ mark, colours, size, label }) {
  const swatch = part("span", `swatch footfall-${mark}`);
  swatch.style.setProperty("--light", colours[0]);
  swatch.style.setProperty("--dark", colours[1]);
  if (size) swatch.style.setProperty("--size", `${2 * size}px`);
  return part("div", "row", swatch, part("span", "label", label));
}

export function slider(map, scene) {
  if (scene.steps.length < 2) return null;
  const range = Object.assign(document.createElement("input"), { type: "range", min: 0, max: scene.steps.length - 1 });
  const words = part("output", "step");
  const play = Object.assign(part("button", "play", "▶"), { type: "button", title: scene.words.play });
  range.value = scene.step;
  range.setAttribute("aria-label", scene.words.step);
  const set = (step) => {
    scene.step = step;
    range.value = step;
    words.textContent = scene.steps[step];
    for (const { id } of changing(map, scene)) map.setFilter(id, atStep(step));
  };
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶";
  };
  play.addEventListener("click", () => {
    if (timer) return stop();
    play.textContent = "❚❚";
    timer = setInterval(() => set((scene.step + 1) % scene.steps.length), 1200);
  });
  range.addEventListener("input", () => (stop(), set(Number(range.value))));
  map.on("remove", stop);
  words.textContent = scene.steps[scene.step];
  return part("div", "slider", play, range, words);
}

function changing(map, scene) {
  const sources = new Set(scene.layers.filter(({ steps }) => steps).map(({ id }) => id));
  return map.getStyle().layers.filter(({ source }) => sources.has(source));
}

export function hover(map, scene) {
  const popup = new Popup({ closeButton: false, closeOnClick: false, maxWidth: "320px", className: "footfall-hover" });
  map.on("mousemove", ({ point, lngLat }) => {
    const tip = pointedAt(map, scene, point);
    map.getCanvas().style.cursor = tip ? "pointer" : "";
    if (tip) popup.setLngLat(lngLat).setDOMContent(tip).addTo(map);
    else popup.remove();
  });
  map.on("mouseout", () => popup.remove());
}

function pointedAt(map, scene, point) {
  const told = Object.fromEntries(scene.layers.filter(({ tips }) => tips).map((layer) => [layer.id, layer]));
  const ids = Object.keys(told).filter((id) => map.getLayer(id));
  const [found] = ids.length ? map.queryRenderedFeatures(point, { layers: ids }) : [];
  return found && facts(told[found.layer.id], found.properties.i);
}

function facts({ fields, tips }, i) {
  const rows = fields.map((name, at) => part("tr", "fact", part("th", "field", name), part("td", "value", tips[at][i])));
  return part("table", "facts", ...rows);
}

export function attribution(map, { attribution }) {
  const element = part("div", "attribution", attribution.join(" · "));
  map.on("load", () => {
    const named = Object.values(map.getStyle().sources).map((source) => source.attribution).filter(Boolean);
    element.textContent = [...new Set([...attribution, ...named.map(plain)])].join(" · ");
  });
  return element;
}

// The text of HTML that others wrote: a document without a window runs and loads nothing.
function plain(html) {
  return new DOMParser().parseFromString(html, "text/html").body.textContent;
}
