// A chart is a picture until its live drawing has succeeded, and stays one where scripts do not run.
// The page allows no code made of text: expressions are interpreted (ast). It allows no style but its own.
const { svg: SVG_ACTION, png: PNG_ACTION, menu: CLICK_TO_VIEW_ACTIONS } = document.body.dataset;
for (const holder of document.querySelectorAll(".chart[data-spec]")) {
  const spec = JSON.parse(document.getElementById(holder.dataset.spec).textContent);
  const live = document.createElement("div");
  const options = {
    renderer: "svg",
    ast: true,
    defaultStyle: false,
    forceActionsMenu: true,
    tooltip: { disableDefaultStyle: true },
    // A page without these words has the library's.
    i18n: SVG_ACTION ? { SVG_ACTION, PNG_ACTION, CLICK_TO_VIEW_ACTIONS } : {},
    actions: { export: true, source: false, compiled: false, editor: false },
  };
  vegaEmbed(live, spec, options).then(
    () => holder.replaceChildren(live),
    (error) => console.warn("a chart stays a picture:", error),
  );
}
