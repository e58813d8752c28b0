// The map in a running notebook, as an anywidget.
import { library } from "./library.js";

async function render({ model, el }) {
  const { draw, setPoints, unpacked } = await library(model, "setPoints");
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
