// The map on which people move, as an anywidget: frames come as messages, and only the newest one is drawn.
import { library } from "./library.js";

async function render({ model, el }) {
  const { move, unpacked } = await library(model, "move");
  const holder = document.createElement("div");
  el.append(holder);
  const words = model.get("words");
  const options = { height: model.get("height"), words, say: (what) => model.send(what) };
  const shown = await move(holder, await unpacked(model.get("scene")), options);
  const hear = ({ frame }, buffers) => frame && shown.take(frame, buffers);
  model.on("msg:custom", hear);
  model.send({ wanted: "frame" });
  return () => {
    model.off("msg:custom", hear);
    shown.end();
  };
}

export default { render };
