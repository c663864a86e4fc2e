// A station of the profile in force: how busy it is, and how far it is from where it was observed.

import { h, replace, setText } from "./dom.js";
import { count, counted, number, percent } from "./format.js";
import { recentMean } from "./live-data.js";

const MEAN_OVER_MS = 10_000;
const LIMITS = [
  { key: "perSecond", name: "calls/s", format: number },
  { key: "inFlight", name: "in flight", format: number },
  { key: "utilization", name: "utilization", format: percent },
];

/** A card with the numbers of one service. */
export class StationCard {
  element;
  #name = h("h3");
  #state = h("span", { class: "badge" });
  #facts = h("p", { class: "note" });
  #load = new Meter("busy");
  #queue = h("p", { class: "queue" });
  #range = h("div", { class: "range" });

  constructor() {
    this.element = h(
      "article",
      { class: "card station" },
      h("header", {}, this.#name, this.#state),
      this.#facts,
      this.#load.element,
      this.#queue,
      this.#range,
    );
  }

  /** Shows a service of the state, with the points of the last minutes. */
  draw(service, points) {
    const recent = observed(service.name, points);
    setText(this.#name, service.name);
    this.#drawState(service, recent);
    setText(this.#facts, facts(service));
    this.#load.draw(
      recent.utilization,
      service.valid.utilization,
      busyText(service, recent.utilization),
    );
    setText(this.#queue, queueText(service));
    const known = LIMITS.filter((limit) => service.valid[limit.key] !== null);
    replace(
      this.#range,
      h("h4", {}, "Distance to the valid range"),
      known.length === 0
        ? h(
            "p",
            { class: "note" },
            "The profile does not say in which range the service was observed.",
          )
        : null,
      ...known.map((limit) => rangeRow(limit, recent[limit.key], service.valid[limit.key])),
    );
  }

  #drawState(service, recent) {
    const beyond = LIMITS.some(
      ({ key }) => service.valid[key] !== null && recent[key] > service.valid[key],
    );
    const [text, look] = service.stalled
      ? ["stalled", "bad"]
      : beyond
        ? ["beyond the valid range", "bad"]
        : ["within range", "good"];
    const hasRange = LIMITS.some(({ key }) => service.valid[key] !== null);
    this.#state.className = `badge ${look}`;
    this.#state.hidden = !service.stalled && !hasRange;
    setText(this.#state, text);
  }
}

/** Returns the means of a station over the last ten seconds. */
export function observed(name, points) {
  const mean = (value) =>
    recentMean(points, MEAN_OVER_MS, (point) =>
      value(point.stations.find((station) => station.name === name)),
    );
  return {
    perSecond: mean((station) => station?.perSecond) ?? 0,
    inFlight: mean((station) => station?.inFlight) ?? 0,
    utilization: mean((station) =>
      station?.servers ? Math.min(1, station.busy / station.servers) : null,
    ),
  };
}

function busyText(service, utilization) {
  if (utilization !== null) return percent(utilization);
  return service.workers || service.cores ? "–" : "without limit";
}

function facts(service) {
  const parts = [];
  if (service.workers) parts.push(counted(service.workers, "worker"));
  if (service.cores) parts.push(`${number(service.cores)} cores`);
  if (service.front)
    parts.push(
      service.front.workers
        ? `behind a front of ${counted(service.front.workers, "worker")}`
        : "behind a front",
    );
  parts.push(`${counted(service.paced, "call")} so far`);
  return parts.join(", ");
}

function queueText(service) {
  const waiting = service.waiting + (service.front?.waiting ?? 0);
  const lost = [
    ["turned away by a full queue", service.overflowed + (service.front?.overflowed ?? 0)],
    ["by the rate limit", service.limited],
    ["given up by clients", service.abandoned],
    ["beyond the valid range", service.beyondValid],
  ].filter(([, calls]) => calls > 0);
  const now =
    waiting === 0
      ? "No call waits now."
      : `${counted(waiting, "call")} ${waiting === 1 ? "waits" : "wait"} now.`;
  return lost.length === 0
    ? now
    : `${now} So far ${lost.map(([text, calls]) => `${count(calls)} ${text}`).join(", ")}.`;
}

function rangeRow({ name, format }, value, limit) {
  const meter = new Meter(name);
  meter.draw(
    value === null ? null : value / limit,
    1,
    value === null ? "unknown" : `${format(value)} of ${format(limit)}`,
  );
  return meter.element;
}

/** A bar with a limit. */
class Meter {
  element;
  #bar = h("span", { class: "fill" });
  #limit = h("span", { class: "limit" });
  #text = h("output");
  #track;

  constructor(name) {
    this.#track = h(
      "span",
      {
        class: "track",
        role: "meter",
        "aria-label": name,
        "aria-valuemin": 0,
        "aria-valuemax": 100,
      },
      this.#bar,
      this.#limit,
    );
    this.element = h(
      "div",
      { class: "meter" },
      h("span", { class: "meter-name" }, name),
      this.#track,
      this.#text,
    );
  }

  /** Shows a share of 1 and the limit, which is a share too; null is unknown. */
  draw(share, limit, text) {
    const shown = Math.min(share ?? 0, 1.25);
    const scale = shown > 1 || limit > 0.8 ? 80 : 100;
    this.#bar.style.width = `${shown * scale}%`;
    this.#bar.className = limit !== null && shown > limit ? "fill beyond" : "fill";
    this.#limit.hidden = limit === null;
    this.#limit.style.left = `${(limit ?? 0) * scale}%`;
    this.#track.setAttribute("aria-valuenow", Math.round(shown * 100));
    this.#track.setAttribute("aria-valuetext", text);
    setText(this.#text, text);
  }
}

/** Shows a card for each service of the profile in force, and keeps the cards that stay. */
export class StationCards {
  element = h("div", { class: "stations" });
  #cards = new Map();

  draw(services, points) {
    const names = services.map((service) => service.name);
    if (names.join("\n") !== [...this.#cards.keys()].join("\n")) {
      this.#cards = new Map(
        names.map((name) => [name, this.#cards.get(name) ?? new StationCard()]),
      );
      replace(this.element, ...[...this.#cards.values()].map((card) => card.element));
    }
    for (const service of services) this.#cards.get(service.name).draw(service, points);
  }
}
