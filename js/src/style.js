// The MapLibre style of a scene: its base map, and its layers above.
import { layers as protomaps, namedFlavor } from "@protomaps/basemaps";
import { FetchSource, PMTiles } from "pmtiles";
import { shapes } from "./shapes.js";

const FONTS = ["Helvetica Neue", "Arial", "Liberation Sans", "DejaVu Sans", "sans-serif"];

export function style(scene, base, dark) {
  const under = baseStyle(scene.base, base, dark);
  const sources = Object.fromEntries(scene.layers.map((layer) => [layer.id, { type: "geojson", data: shapes(layer) }]));
  const above = scene.layers.flatMap((layer) => layersOf(layer, scene, dark ? 1 : 0));
  const labels = under.layers.filter(({ type }) => type === "symbol");
  const ground = under.layers.filter(({ type }) => type !== "symbol");
  return {
    ...under,
    version: 8,
    sources: { ...under.sources, ...sources },
    // Names of places stay legible above the data.
    layers: [...ground, ...above, ...labels],
    transition: { duration: 0 },
  };
}

// Returns what the base map is made of: the name of an archive of tiles, which is made known, or a style.
export async function source(protocol, { kind, data, url, style }) {
  if (kind === "style") return style ?? (await fetch(url)).json();
  if (kind !== "pmtiles") return null;
  const bytes = data ? new Inside(data) : new FetchSource(url);
  protocol.add(new PMTiles(bytes));
  return bytes.getKey();
}

let archives = 0;

class Inside {
  constructor(text) {
    this.bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    this.key = `footfall-${archives++}`;
  }

  getKey() {
    return this.key;
  }

  async getBytes(offset, length) {
    return { data: this.bytes.slice(offset, offset + length).buffer };
  }
}

function baseStyle(base, made, dark) {
  if (base.kind === "style") return { sources: {}, layers: [], ...made };
  return base.kind === "pmtiles" ? tiles(made, base, dark ? 1 : 0) : drawn(base, dark ? 1 : 0);
}

function tiles(key, { language, flavor }, theme) {
  const source = { type: "vector", url: `pmtiles://${key}` };
  const own = Object.entries(flavor).map(([name, colours]) => [name, colours[theme]]);
  const colours = { ...namedFlavor(["white", "black"][theme]), ...Object.fromEntries(own) };
  // Without a server there are no icons; fonts are those of this computer.
  const layers = protomaps("base", colours, { lang: language })
    .filter(({ id }) => id !== "pois" && !id.includes("shield"))
    .map((layer) => (layer.type === "symbol" ? { ...layer, layout: local(layer.layout) } : layer));
  return { sources: { base: source }, layers };
}

function local({ "icon-image": _, ...layout }) {
  return { ...layout, "text-font": FONTS };
}

function drawn({ ground, layers }, theme) {
  const sources = Object.fromEntries(layers.map((layer) => [layer.id, { type: "geojson", data: shapes(layer) }]));
  const background = { id: "background", type: "background", paint: { "background-color": ground[theme] } };
  return { sources, layers: [background, ...layers.flatMap((layer) => layersOf(layer, {}, theme))] };
}

const PAINTS = { circle, fill, line, label };

function layersOf(layer, scene, theme) {
  const filter = layer.steps ? { filter: atStep(scene.step) } : {};
  return PAINTS[layer.kind](layer, scene, theme).map((part) => ({ source: layer.id, ...filter, ...part }));
}

export function atStep(step) {
  return ["==", ["get", "step"], step];
}

function colour({ colours }, theme) {
  const chosen = colours[theme];
  return chosen.length === 1 ? chosen[0] : ["match", ["get", "class"], ...chosen.slice(1).flatMap((each, i) => [i + 1, each]), chosen[0]];
}

function circle(layer, { zoom }, theme) {
  const radius = ["get", "radius"];
  const paint = {
    "circle-color": colour(layer, theme),
    "circle-radius": ["interpolate", ["linear"], ["zoom"], zoom, radius, zoom + 6, ["*", 2.5, radius]],
    "circle-opacity": layer.opacity,
    "circle-stroke-color": layer.outline[theme],
    "circle-stroke-width": layer.width,
  };
  return [{ id: layer.id, type: "circle", paint }];
}

function fill(layer, scene, theme) {
  const edge = layer.outline ? layer.outline[theme] : colour(layer, theme);
  const paint = { "fill-color": colour(layer, theme), "fill-opacity": layer.opacity, "fill-antialias": layer.width <= 1 };
  // Edges of a pixel are drawn with the areas, in a tenth of the time.
  if (layer.width > 0 && layer.width <= 1) paint["fill-outline-color"] = edge;
  const look = { "line-color": edge, "line-width": layer.width };
  const edges = layer.width > 1 ? [{ id: `${layer.id}-edge`, type: "line", paint: look }] : [];
  return [{ id: layer.id, type: "fill", paint }, ...edges];
}

// The lines of a base map grow with the zoom.
const GROWTH = [[9, 1 / 3], [13, 1], [17, 6]];

function line(layer, scene, theme) {
  const stops = GROWTH.flatMap(([zoom, times]) => [zoom, times * layer.width]);
  const width = layer.isBase ? ["interpolate", ["linear"], ["zoom"], ...stops] : layer.width;
  const paint = { "line-color": colour(layer, theme), "line-width": width, "line-opacity": layer.opacity };
  const layout = { "line-cap": "round", "line-join": "round" };
  return [{ id: layer.id, type: "line", minzoom: layer.minZoom, paint, layout }];
}

function label(layer, scene, theme) {
  const layout = { "text-field": ["get", "name"], "text-font": FONTS, "text-size": 12, "text-max-width": 8, "symbol-sort-key": ["get", "i"] };
  const paint = { "text-color": layer.colours[theme][0], "text-halo-color": layer.outline[theme], "text-halo-width": 1.4 };
  return [{ id: layer.id, type: "symbol", layout, paint }];
}
