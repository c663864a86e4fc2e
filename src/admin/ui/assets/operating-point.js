// The load of a station now and in the last minute, on the range in which it was observed.

import { roundedUp } from "./chart.js";
import { h, replace, svg } from "./dom.js";
import { number } from "./format.js";
import { observed } from "./station.js";

const HEIGHT = 240;
const MARGIN = { top: 12, right: 14, bottom: 34, left: 46 };
const TRAIL_MS = 60_000;

export class OperatingPoint {
  element;
  #drawing = svg("svg", { role: "img" });

  constructor() {
    this.element = h(
      "figure",
      { class: "card operating-point" },
      h("figcaption", {}, h("b", {}, "Load on the valid range"), " now, and in the last minute"),
      h(
        "p",
        { class: "legend" },
        h("span", { class: "legend-key valid" }, "valid range"),
        h("span", { class: "legend-key actual" }, "load"),
      ),
      this.#drawing,
    );
  }

  draw(service, points) {
    const width = this.#drawing.clientWidth || 400;
    const { perSecond: mostPerSecond, inFlight: mostInFlight } = service.valid;
    const now = observed(service.name, points);
    const newest = points.at(-1)?.at ?? 0;
    const trail = points
      .filter((point) => point.at > newest - TRAIL_MS)
      .flatMap((point) => point.stations.filter((station) => station.name === service.name));
    const right = roundedUp(
      Math.max((mostPerSecond ?? 0) * 1.1, ...trail.map((station) => station.perSecond), 1),
    );
    const top = roundedUp(
      Math.max((mostInFlight ?? 0) * 1.1, ...trail.map((station) => station.inFlight), 1),
    );
    const x = (value) =>
      MARGIN.left + (Math.min(value, right) / right) * (width - MARGIN.left - MARGIN.right);
    const y = (value) =>
      HEIGHT - MARGIN.bottom - (Math.min(value, top) / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
    this.#drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.#drawing.setAttribute(
      "aria-label",
      `${number(now.perSecond)} calls a second and ${number(now.inFlight)} in flight, ` +
        `of ${mostPerSecond ?? "an unknown number of"} calls a second ` +
        `and ${mostInFlight ?? "an unknown number"} in flight at most`,
    );
    replace(
      this.#drawing,
      validRange(mostPerSecond, mostInFlight, { x, y, right, top }),
      ...[0, 0.5, 1].map((share) =>
        svg(
          "text",
          { x: x(share * right), y: HEIGHT - 18, "text-anchor": share === 1 ? "end" : "middle" },
          number(share * right),
        ),
      ),
      ...[0.5, 1].map((share) =>
        svg(
          "text",
          { x: MARGIN.left - 6, y: y(share * top) + 4, "text-anchor": "end" },
          number(share * top),
        ),
      ),
      svg("path", { class: "grid", d: `M${x(0)} ${y(top)}V${y(0)}H${x(right)}`, fill: "none" }),
      svg("text", { x: x(right / 2), y: HEIGHT - 3, "text-anchor": "middle" }, "calls per second"),
      svg(
        "text",
        {
          x: 12,
          y: y(top / 2),
          "text-anchor": "middle",
          transform: `rotate(-90 12 ${y(top / 2)})`,
        },
        "in flight",
      ),
      ...trail.map((station) =>
        svg("circle", { class: "trail", cx: x(station.perSecond), cy: y(station.inFlight), r: 2 }),
      ),
      svg("circle", { class: "now", cx: x(now.perSecond), cy: y(now.inFlight), r: 6 }),
    );
  }
}

/** Returns the area of the valid range; it has no edge where the profile names no limit. */
function validRange(mostPerSecond, mostInFlight, { x, y, right, top }) {
  if (mostPerSecond === null && mostInFlight === null) return null;
  const width = x(mostPerSecond ?? right) - x(0);
  const upper = y(mostInFlight ?? top);
  return svg("rect", { class: "area valid", x: x(0), y: upper, width, height: y(0) - upper });
}
