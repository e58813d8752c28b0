// Starts the deck, and makes the maps of a slide live once it is shown. In print, and in the presenter's notes, maps stay
// pictures.
const isStill = /print-pdf|receiver/.test(location.search);
const loaded = {};

function liveMap() {
  const text = document.getElementById("live-map").textContent;
  loaded.map ??= import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  return loaded.map;
}

async function wake(slide) {
  for (const holder of isStill ? [] : slide.querySelectorAll(".footfall-map:not(.footfall-seen)")) {
    holder.classList.add("footfall-seen");
    delete holder.dataset.height;
    const { show } = await liveMap();
    await show(holder);
  }
}

Reveal.initialize({
  plugins: [RevealNotes],
  width: 1280,
  height: 720,
  margin: 0,
  center: false,
  hash: true,
  controls: false,
  progress: true,
  slideNumber: "c",
  transition: "none",
  backgroundTransition: "none",
  // The presenter's clock asks for it; each slide has a time of its own.
  defaultTiming: 60,
  pdfSeparateFragments: false,
  pdfMaxPagesPerSlide: 1,
});
Reveal.on("pdf-ready", () => document.documentElement.classList.add("pages-ready"));
Reveal.on("ready", ({ currentSlide }) => wake(currentSlide));
Reveal.on("slidechanged", ({ currentSlide }) => wake(currentSlide));
