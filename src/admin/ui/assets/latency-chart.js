// The times that answers were meant to take, beside those that they took.

import { h, replace, setText, svg } from "./dom.js";
import { count, micros, percent } from "./format.js";

const HEIGHT = 190;
const MARGIN = { top: 10, right: 12, bottom: 24, left: 12 };
const BUCKETS_PER_DECADE = 20;
const QUANTILES = [
  ["p50", "median"],
  ["p90", "p90"],
  ["p99", "p99"],
  ["p999", "p99.9"],
  ["max", "longest"],
];

/** Two distributions on a logarithmic scale of time, and a table of their quantiles. */
export class LatencyChart {
  element;
  #drawing = svg("svg", {
    role: "img",
    "aria-label": "Distributions of intended and actual answer times",
  });
  #note = h("p", { class: "note" });
  #rows = h("tbody");
  #table;

  constructor() {
    this.#table = h(
      "table",
      { class: "quantiles" },
      h("caption", { class: "visually-hidden" }, "Quantiles of the answer times"),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...["", "intended", "actual", "difference"].map((text) =>
            h("th", { scope: "col" }, text),
          ),
        ),
      ),
      this.#rows,
    );
    this.element = h(
      "figure",
      { class: "latency" },
      h(
        "figcaption",
        {},
        h("b", {}, "Answer times, intended and actual"),
        " of the last 10 seconds",
      ),
      h(
        "p",
        { class: "legend" },
        h("span", { class: "legend-key intended" }, "intended"),
        h("span", { class: "legend-key actual" }, "actual"),
      ),
      this.#drawing,
      this.#note,
      this.#table,
    );
  }

  /** Draws the `answerTimes` of a state. */
  draw({ intended, actual, buckets }) {
    const isEmpty = actual.count === 0;
    this.#drawing.toggleAttribute("hidden", isEmpty);
    this.#table.hidden = isEmpty;
    if (isEmpty) {
      setText(
        this.#note,
        "No answer with a delay was sent in this time. " +
          "Stubs without a delay answer at once, and are not timed.",
      );
      return;
    }
    setText(this.#note, `${count(actual.count)} answers with a delay, of a stub or a profile.`);
    this.#drawCurves(buckets);
    replace(
      this.#rows,
      ...QUANTILES.map(([key, text]) => quantileRow(text, intended[key], actual[key])),
    );
  }

  #drawCurves(buckets) {
    const width = this.#drawing.clientWidth || 600;
    const first = buckets[0][0] - 3;
    const last = Math.max(buckets.at(-1)[0] + 4, first + BUCKETS_PER_DECADE);
    const highest = Math.max(...buckets.map(([, intended, actual]) => Math.max(intended, actual)));
    const x = (index) =>
      MARGIN.left + ((index - first) / (last - first)) * (width - MARGIN.left - MARGIN.right);
    const bottom = HEIGHT - MARGIN.bottom;
    const y = (share) => bottom - (share / highest) * (bottom - MARGIN.top);
    const steps = (column) => {
      const known = new Map(buckets.map((bucket) => [bucket[0], bucket[column]]));
      let path = `M${x(first)} ${bottom}`;
      for (let index = first; index < last; index += 1)
        path += `V${y(known.get(index) ?? 0).toFixed(1)}H${x(index + 1).toFixed(1)}`;
      return `${path}V${bottom}`;
    };
    this.#drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    replace(
      this.#drawing,
      svg("path", { class: "area intended", d: `${steps(1)}Z` }),
      svg("path", { class: "line actual", d: steps(2) }),
      svg("line", {
        class: "grid",
        x1: MARGIN.left,
        x2: width - MARGIN.right,
        y1: bottom,
        y2: bottom,
      }),
      ...ticks(first, last, width / 70).map(([index, text]) =>
        svg("text", { x: x(index), y: HEIGHT - 6, "text-anchor": "middle" }, text),
      ),
    );
  }
}

/** Returns about `most` labels of 1, 2 and 5 times powers of ten, or of powers alone. */
function ticks(first, last, most) {
  const all = [1, 2, 5].flatMap((factor) =>
    [0, 1, 2, 3, 4, 5, 6, 7].map((power) => factor * 10 ** power),
  );
  const visible = all
    .map((time) => [Math.log10(time) * BUCKETS_PER_DECADE, time])
    .filter(([index]) => index >= first + 1 && index <= last - 1);
  const shown =
    visible.length > most
      ? visible.filter(([, time]) => Number.isInteger(Math.log10(time)))
      : visible;
  return shown.map(([index, time]) => [index, micros(time)]);
}

function quantileRow(text, intended, actual) {
  const difference = actual - intended;
  const share = intended > 0 ? ` (${percent(difference / intended)})` : "";
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, text),
    h("td", {}, micros(intended)),
    h("td", {}, micros(actual)),
    h("td", { class: "note" }, difference > 0 ? `+${micros(difference)}${share}` : micros(0)),
  );
}
