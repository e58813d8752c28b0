// Builds into the folder that is given: footfall-map.js (the live map), widget.js, moving.js and notebook.js (what loads
// it into a notebook), natural-earth.json (land and borders for pictures) and LICENSES.txt (of all that is in them).
import { build } from "esbuild";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { feature, mesh } from "topojson-client";

const folder = process.argv[2];
const common = { bundle: true, format: "esm", minify: true, target: "es2022", legalComments: "none", metafile: true };

const worker = {
  name: "worker",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^worker-text$/ }, () => ({ path: "worker", namespace: "worker" }));
    onLoad({ filter: /.*/, namespace: "worker" }, async () => {
      const entry = "node_modules/maplibre-gl/dist/maplibre-gl-worker.mjs";
      const { outputFiles } = await build({ ...common, entryPoints: [entry], write: false });
      return { contents: outputFiles[0].text, loader: "text" };
    });
  },
};

async function bundle(entry, name) {
  const options = { ...common, entryPoints: [entry], outfile: join(folder, name), plugins: [worker] };
  const { metafile } = await build({ ...options, loader: { ".css": "text" } });
  return Object.keys(metafile.inputs);
}

// Rings and lines as differences of integers, hundredths of a degree: half of what TopoJSON needs for one purpose.
function differences(line) {
  let [x, y] = [0, 0];
  const flat = [];
  for (const point of line) {
    const [east, north] = point.map((degrees) => Math.round(degrees * 100));
    if (flat.length && east === x && north === y) continue;
    flat.push(east - x, north - y);
    [x, y] = [east, north];
  }
  return flat;
}

async function naturalEarth() {
  const atlas = JSON.parse(await readFile("node_modules/world-atlas/countries-50m.json", "utf8"));
  const { geometry } = feature(atlas, atlas.objects.land).features?.[0] ?? feature(atlas, atlas.objects.land);
  const borders = mesh(atlas, atlas.objects.countries, (a, b) => a !== b);
  return {
    land: geometry.coordinates.map((rings) => rings.map(differences).filter((ring) => ring.length > 6)),
    border: borders.coordinates.map(differences).filter((line) => line.length > 2),
  };
}

async function licences(inputs) {
  const names = inputs.map((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1]).filter(Boolean);
  // The published files of maplibre-gl hold its own dependencies, and those are all that is installed.
  const { packages } = JSON.parse(await readFile("package-lock.json", "utf8"));
  const used = Object.entries(packages).filter(([path, { dev }]) => path && !dev).map(([path]) => path);
  const all = new Set([...used, ...names.map((name) => `node_modules/${name}`)]);
  return (await Promise.all([...all].sort().map(licence))).join("\n");
}

async function licence(path) {
  const { name, version, license } = JSON.parse(await readFile(join(path, "package.json"), "utf8"));
  const files = (await readdir(path)).filter((file) => /^(licen[cs]e|copying)/i.test(file));
  const texts = await Promise.all(files.map((file) => readFile(join(path, file), "utf8")));
  return [`${"=".repeat(80)}\n${name} ${version}, ${license}\n`, ...texts].join("\n");
}

await mkdir(folder, { recursive: true });
const modules = { index: "footfall-map.js", widget: "widget.js", moving: "moving.js", notebook: "notebook.js" };
const bundles = Object.entries(modules).map(([source, name]) => bundle(`src/${source}.js`, name));
const inputs = (await Promise.all(bundles)).flat();
await writeFile(join(folder, "natural-earth.json"), JSON.stringify(await naturalEarth()));
await writeFile(join(folder, "LICENSES.txt"), await licences(inputs));
console.log(`${basename(folder)}: ${(await readdir(folder)).join(", ")}`);
