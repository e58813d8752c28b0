// A chart is a picture until its live drawing has succeeded, and stays one where scripts do not run.
// The page allows no code made of text: expressions are interpreted (ast). It allows no style but its own.
const { svg, png, menu } = document.body.dataset;
for (const holder of document.querySelectorAll(".chart[data-spec]")) {
  const spec = JSON.parse(document.getElementById(holder.dataset.spec).textContent);
  const live = document.createElement("div");
  const options = {
    renderer: "svg",
    ast: true,
    defaultStyle: false,
    forceActionsMenu: true,
    tooltip: { disableDefaultStyle: true },
    i18n: { SVG_ACTION: svg, PNG_ACTION: png, CLICK_TO_VIEW_ACTIONS: menu },
    actions: { export: true, source: false, compiled: false, editor: false },
  };
  vegaEmbed(live, spec, options).then(
    () => holder.replaceChildren(live),
    (error) => console.warn("a chart stays a picture:", error),
  );
}
