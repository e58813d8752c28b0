// The map in a running notebook, as an anywidget: it takes the live map from the notebook's server, which has it where
// Footfall is installed beside it, else from the kernel. Saved state of widgets thus holds no library.
import { served } from "./served.js";

async function library(model) {
  try {
    return await served();
  } catch {
    return sent(model);
  }
}

function sent(model) {
  return new Promise((resolve, reject) => {
    model.on("msg:custom", ({ module }) => {
      if (module) import(URL.createObjectURL(new Blob([module], { type: "text/javascript" }))).then(resolve, reject);
    });
    model.send({ wanted: "module" });
  });
}

async function render({ model, el, signal }) {
  const { draw, setPoints, unpacked } = await library(model);
  const element = document.createElement("div");
  element.className = "footfall-live";
  element.style.height = `${model.get("height")}px`;
  el.append(element);
  const drawn = await draw(element, await unpacked(model.get("scene")), { cooperativeGestures: true });
  const set = () => setPoints(drawn, model.get("points"));
  set();
  model.on("change:points", set);
  return () => drawn.map.remove();
}

export default { render };
