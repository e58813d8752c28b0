// A map of a scene, which Python makes: in a notebook's output, in a page of its own, and as an anywidget.
import { Map, NavigationControl, ScaleControl, addProtocol, setWorkerUrl } from "maplibre-gl";
import css from "maplibre-gl/dist/maplibre-gl.css";
import { Protocol } from "pmtiles";
import workerText from "worker-text";
import { attribution, hover, legend, slider } from "./controls.js";
import own from "./map.css";
import { source, style } from "./style.js";
import { isDark, onTheme } from "./theme.js";
import { shapes } from "./shapes.js";
import { Overlay } from "./overlay.js";
import { Panel } from "./panel.js";

setWorkerUrl(URL.createObjectURL(new Blob([workerText], { type: "text/javascript" })));
const protocol = new Protocol();
addProtocol("pmtiles", protocol.tile);

// Replaces the picture in `holder` by the live map once that has drawn; where anything fails, the picture stays.
export async function show(holder, options = {}) {
  const canvas = document.createElement("div");
  canvas.className = "footfall-live footfall-drawing";
  canvas.style.height = holder.dataset.height ? `${holder.dataset.height}px` : "";
  holder.style.position = "relative";
  holder.append(canvas);
  try {
    const map = await draw(canvas, await unpacked(holder.dataset.scene), options);
    holder.querySelector("img")?.remove();
    canvas.classList.remove("footfall-drawing");
    holder.classList.add("footfall-drawn");
    return map;
  } catch (error) {
    canvas.remove();
    console.warn("the map stays a picture:", error);
  }
}

// Draws a scene into an element that has a size.
export async function draw(element, scene, { cooperativeGestures = false } = {}) {
  look(element.getRootNode());
  const base = await source(protocol, scene.base);
  const map = new Map({
    container: element,
    style: style(scene, base, isDark(scene)),
    bounds: scene.bounds,
    fitBoundsOptions: { padding: padding(element, scene) },
    maxBounds: scene.limits ?? undefined,
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    renderWorldCopies: true,
    fadeDuration: 0,
    // Frames of a map that is not whole yet cost seconds where there is no graphics card.
    pixelRatio: 0.1,
    cooperativeGestures,
    locale: scene.words.controls,
  });
  map.touchZoomRotate.disableRotation();
  // Sprites of a base map stand on servers.
  map.on("styleimagemissing", ({ id }) => map.addImage(id, { width: 1, height: 1, data: new Uint8Array(4) }));
  map.addControl(new NavigationControl({ showCompass: false }), "top-left");
  map.addControl(new ScaleControl({ unit: "metric" }), "bottom-left");
  const parts = [legend(scene), slider(map, scene), attribution(map, scene)];
  element.append(...parts.filter(Boolean));
  hover(map, scene);
  const paint = () => {
    const dark = isDark(scene);
    element.classList.toggle("footfall-dark", dark);
    map.setStyle(style(scene, base, dark), { diff: true });
  };
  element.classList.toggle("footfall-dark", isDark(scene));
  const forget = onTheme(element, paint);
  map.on("remove", forget);
  await drawn(map);
  map.setPixelRatio(undefined);
  return { map, scene, paint };
}

// Of what is to be seen, the legend covers nothing where there is room.
function padding({ clientWidth }, { legend, covered }) {
  const right = legend.length && clientWidth > 3 * covered ? covered : 0;
  return { top: 24, bottom: 24, left: 24, right: 24 + right };
}

function drawn(map) {
  return new Promise((resolve, reject) => {
    map.once("load", resolve);
    map.once("error", ({ error }) => map.isStyleLoaded() || reject(error));
  });
}

function look(root) {
  const home = root === document ? document.head : root;
  if (home.querySelector("style[data-footfall]")) return;
  const sheet = document.createElement("style");
  sheet.dataset.footfall = "";
  sheet.textContent = css + own;
  home.append(sheet);
}

// A scene is JSON, packed with gzip and written as base64.
export async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

// Sets the points of the layer that changes while it is looked at.
export function setPoints({ map, scene }, layer) {
  const at = scene.layers.findIndex(({ id }) => id === layer.id);
  if (at >= 0) scene.layers[at] = layer;
  map.getSource(layer.id)?.setData(shapes(layer));
}

// Draws a map on which people move into `holder`; `take` takes a frame, and `say` tells what was drawn.
export async function move(holder, scene, { height, words, say }) {
  const canvas = document.createElement("div");
  canvas.className = "footfall-live";
  const panel = new Panel(words, () => say({ stop: true }));
  const board = document.createElement("div");
  board.className = "footfall-board";
  board.style.setProperty("--height", `${height}px`);
  board.append(canvas, panel.side, panel.below);
  holder.className = "footfall-moving";
  holder.append(board);
  const { map } = await draw(canvas, scene, { cooperativeGestures: true });
  const colours = Object.fromEntries(words.legend.map(({ kind, colours }) => [kind, colours]));
  const overlay = new Overlay(map, colours, () => isDark(scene));
  const paint = () => {
    holder.classList.toggle("footfall-dark", isDark(scene));
    overlay.paint();
  };
  holder.classList.toggle("footfall-dark", isDark(scene));
  const forget = onTheme(holder, paint);
  const take = (frame, [positions, kinds]) => {
    panel.take(frame, (kind) => overlay.colour(kind));
    overlay.take(frame, whole(positions), bytes(kinds), () => say({ drawn: frame.number }));
  };
  const end = () => {
    forget();
    overlay.end();
    map.remove();
  };
  return { take, end, map, overlay };
}

// A buffer need not begin where integers may.
function whole({ buffer, byteOffset, byteLength }) {
  return new Int32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

function bytes({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

// A page holds this module and its maps; one that has a height stands among other things, which the wheel scrolls.
for (const holder of document.querySelectorAll(".footfall-page")) {
  show(holder, { cooperativeGestures: Boolean(holder.dataset.height) });
}
