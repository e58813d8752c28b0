// What stands beside the map on which people move: the clock, counts, what colours mean, the last suggestions, and stop.
// All words are data's, so they are set as text.
import { part, row } from "./controls.js";

export class Panel {
  constructor({ title, speed, headings, legend, stop: halt, ends }, stop) {
    this.clock = part("div", "clock");
    this.speed = part("div", "speed", speed);
    this.facts = part("div", "figures");
    this.rows = part("tbody", "rows");
    this.button = Object.assign(part("button", "stop", halt), { type: "button", title: ends });
    this.button.addEventListener("click", () => {
      this.button.disabled = true;
      stop();
    });
    const head = part("div", "head", part("div", "when", this.clock, this.speed), this.button);
    const key = part("div", "key", ...legend.map(row));
    this.side = part("div", "side", ...(title ? [part("div", "title", title)] : []), head, this.facts, key);
    const table = part("table", "last", part("thead", "tophead", part("tr", "top", ...headings.map((each) => part("th", "field", each)))), this.rows);
    this.below = part("div", "below", table);
  }

  take({ clock, facts, rows }, colour) {
    this.clock.textContent = clock;
    this.facts.replaceChildren(...facts.map(([name, value]) => part("div", "figure", part("b", "number", value), part("span", "what", name))));
    this.rows.replaceChildren(...rows.map(({ kind, cells }) => line(cells, colour(kind))));
  }
}

function line(cells, colour) {
  const made = part("tr", "suggestion", ...cells.map((each) => part("td", "value", each)));
  made.style.setProperty("--kind", colour);
  return made;
}
