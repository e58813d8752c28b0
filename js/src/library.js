// The live map for a widget: from the notebook's server, which has it where Footfall is installed beside it, else from
// the kernel. Saved state of widgets thus holds no library.
import { served } from "./served.js";

// `needed` is what the widget calls: a server's may be older than the kernel's.
export async function library(model, needed) {
  try {
    const found = await served();
    return found[needed] ? found : sent(model);
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
