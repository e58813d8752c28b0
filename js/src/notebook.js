// In a notebook's output: the pictures of maps become live where the notebook's server has the live map.
import { served } from "./served.js";

const pictures = [...document.querySelectorAll(".footfall-map:not(.footfall-seen)")];
for (const holder of pictures) holder.classList.add("footfall-seen");
(async () => {
  const { show } = await served();
  for (const holder of pictures) await show(holder, { cooperativeGestures: true });
})().catch((error) => console.info("maps stay pictures:", error));
