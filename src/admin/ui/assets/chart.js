// Line charts of the last minutes, drawn as SVG.

import { h, replace, svg } from "./dom.js";

const HEIGHT = 240;
const MARGIN = { top: 10, right: 8, bottom: 22, left: 44 };
const MINUTE_MS = 60_000;
/** Lengths of the axis in minutes, and the times that it names. */
const SPANS = [
  [1, [1, 0.75, 0.5, 0.25]],
  [2, [2, 1.5, 1, 0.5]],
  [5, [5, 4, 3, 2, 1]],
];

/** Returns the least of 1, 2 and 5 times a power of ten that is `value` or more. */
export function roundedUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((limit) => limit >= value * 0.999999);
}

/**
 * A chart of the last minutes: as many as there are points of, five at most.
 *
 * `lines` are `{name, look, value(point)}`, and `marks` has a name and a `list()` of moments
 * `{at, text}` below the lines.
 */
export class TimeChart {
  element;
  #options;
  #drawing;

  constructor(options) {
    this.#options = options;
    this.#drawing = svg("svg", { role: "img", "aria-label": options.label });
    const legend = options.lines.length > 1 || options.marks ? this.#legend() : null;
    this.element = h(
      "figure",
      { class: "chart" },
      h("figcaption", {}, h("b", {}, options.title), options.note ? ` ${options.note}` : ""),
      legend,
      this.#drawing,
    );
  }

  #legend() {
    const keys = this.#options.lines.map(({ name, look }) =>
      h("span", { class: `legend-key ${look}` }, name),
    );
    if (this.#options.marks)
      keys.push(h("span", { class: "legend-key mark" }, this.#options.marks.name));
    return h("p", { class: "legend" }, ...keys);
  }

  /** Draws the points, up to the newest one, and horizontal guides `{value, text}`. */
  draw(points, guides = []) {
    const width = this.#drawing.clientWidth || 600;
    const { format, lines, marks } = this.#options;
    const highest = Math.max(
      0,
      ...guides.map((guide) => guide.value),
      ...points.flatMap((point) => lines.map((line) => line.value(point) ?? 0)),
    );
    const top = roundedUp(highest);
    const end = points.at(-1)?.at ?? Date.now();
    const [minutes, times] = spanOf(end - (points[0]?.at ?? end));
    const span = minutes * MINUTE_MS;
    const x = (at) => MARGIN.left + (1 - (end - at) / span) * (width - MARGIN.left - MARGIN.right);
    const y = (value) => MARGIN.top + (1 - value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
    this.#drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    replace(
      this.#drawing,
      ...[0, 0.5, 1].map((share) => horizontal(width, y(share * top), format(share * top))),
      ...times.map((time, place) =>
        timeLabel(x(end - time * MINUTE_MS), timeText(time), place === 0),
      ),
      timeLabel(width - MARGIN.right, "now", false, "end"),
      ...guides.map((guide) => limit(width, y(guide.value), guide.text)),
      ...lines.map((line) =>
        svg("path", {
          class: `line ${line.look}`,
          d: path(points, x, (point) => line.value(point), y),
        }),
      ),
      ...(marks?.list() ?? [])
        .filter((mark) => mark.at > end - span)
        .map((mark) => flag(x(mark.at), mark.text)),
    );
  }
}

function spanOf(milliseconds) {
  return SPANS.find(([minutes]) => milliseconds <= minutes * MINUTE_MS) ?? SPANS.at(-1);
}

function timeText(minutes) {
  return Number.isInteger(minutes) ? `${minutes} min` : `${minutes * 60} s`;
}

function path(points, x, value, y) {
  let isDrawing = false;
  return points
    .map((point) => {
      const height = value(point);
      if (height === null || height === undefined) {
        isDrawing = false;
        return "";
      }
      const step = `${isDrawing ? "L" : "M"}${x(point.at).toFixed(1)} ${y(height).toFixed(1)}`;
      isDrawing = true;
      return step;
    })
    .join("");
}

function horizontal(width, y, text) {
  return svg(
    "g",
    {},
    svg("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }),
    svg("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }, text),
  );
}

function limit(width, y, text) {
  return svg(
    "g",
    {},
    svg("line", { class: "guide", x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }),
    svg("text", { class: "name", x: width - MARGIN.right, y: y - 4, "text-anchor": "end" }, text),
  );
}

function timeLabel(x, text, isFirst, anchor = isFirst ? "start" : "middle") {
  return svg("text", { x, y: HEIGHT - 4, "text-anchor": anchor }, text);
}

function flag(x, text) {
  const bottom = HEIGHT - MARGIN.bottom;
  return svg("path", { class: "flag", d: `M${x} ${bottom}l-5 9h10z` }, svg("title", {}, text));
}
