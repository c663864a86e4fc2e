// The page "Performance": the profile in force, its timeline, what-if knobs, and each station.

import { send } from "./api.js";
import { TimeChart } from "./chart.js";
import { h, replace, setText } from "./dom.js";
import { duration, number } from "./format.js";
import { OperatingPoint } from "./operating-point.js";
import { StationCard } from "./station.js";
import { WhatIf } from "./what-if.js";

/** Returns the page. */
export function performancePage({ data, signal }) {
  const profiles = new Profiles();
  const whatIf = new WhatIf();
  const timelines = h("div");
  const services = new Services();
  const draw = () => {
    const { state, points } = data;
    if (!state) return;
    profiles.draw(state.pacing);
    whatIf.draw(state.pacing);
    replace(timelines, ...state.pacing.timelines.map(timelineCard));
    services.draw(state.pacing.services, points);
  };
  data.on("state", draw, signal);
  requestAnimationFrame(draw);
  return h(
    "div",
    { class: "page" },
    h("h1", {}, "Performance"),
    h("div", { class: "two" }, profiles.element, whatIf.element),
    timelines,
    services.element,
  );
}

/** The profiles that there are; a person puts one in force, or none. */
class Profiles {
  element;
  #choices = h("div", { class: "choices", role: "radiogroup", "aria-label": "Profile in force" });
  #problem = h("p", { class: "bad", role: "alert" });
  #known = "";

  constructor() {
    this.element = h(
      "section",
      { class: "card" },
      h("h2", {}, "Profile in force"),
      this.#choices,
      this.#problem,
    );
  }

  draw({ profile, available }) {
    const known = `${profile}\n${available.join("\n")}`;
    if (known === this.#known) return;
    this.#known = known;
    const names = [null, ...available];
    replace(
      this.#choices,
      ...names.map((name) =>
        h(
          "label",
          { class: "choice" },
          h("input", {
            type: "radio",
            name: "profile",
            value: name ?? "",
            checked: name === profile,
            onchange: () => this.#activate(name),
          }),
          name ?? "none: answers take the time that their stubs say",
        ),
      ),
      available.length === 0
        ? h(
            "p",
            { class: "note" },
            "There are none. ",
            h("code", {}, "standin fit"),
            " makes one of a recording; put it into ",
            h("code", {}, "profiles/"),
            ".",
          )
        : null,
    );
  }

  async #activate(profile) {
    setText(this.#problem, "");
    try {
      await send("PUT", "standin/profile", { profile });
    } catch (error) {
      setText(this.#problem, error.message);
      this.#known = "";
    }
  }
}

/**
 * Three cards for each service: its numbers, its calls over time, and its load on the valid range.
 */
class Services {
  element = h("div", { class: "services" });
  #parts = new Map();

  draw(services, points) {
    const names = services.map((service) => service.name);
    if (names.join("\n") !== [...this.#parts.keys()].join("\n")) {
      this.#parts = new Map(
        names.map((name) => [name, this.#parts.get(name) ?? servicePart(name)]),
      );
      replace(this.element, ...[...this.#parts.values()].map((part) => part.element));
    }
    for (const service of services) this.#parts.get(service.name).draw(service, points);
  }
}

function servicePart(name) {
  const card = new StationCard();
  const chart = callsChart(name);
  const point = new OperatingPoint();
  const element = h(
    "section",
    { class: "three", "aria-label": name },
    card.element,
    h("div", { class: "card" }, chart.element),
    point.element,
  );
  const draw = (service, points) => {
    card.draw(service, points);
    const most = service.valid.inFlight;
    chart.draw(points, most === null ? [] : [{ value: most, text: "end of the valid range" }]);
    point.draw(service, points);
  };
  return { element, draw };
}

function callsChart(name) {
  const of = (point) => point.stations.find((station) => station.name === name);
  return new TimeChart({
    label: `Calls in ${name} in the last minutes`,
    title: "Calls in flight",
    format: number,
    lines: [
      { name: "in service", look: "answered", value: (point) => of(point)?.busy },
      { name: "waiting", look: "missed", value: (point) => of(point)?.waiting },
    ],
  });
}

function timelineCard(timeline) {
  const { folder, step, steps, at, profile, scale, activeSeconds, nextInSeconds } = timeline;
  const factors =
    scale.latency === 1 && scale.capacity === 1
      ? ""
      : `, latency × ${number(scale.latency)}, capacity × ${number(scale.capacity)}`;
  const next =
    nextInSeconds === null
      ? "It stays in force."
      : `The next step begins in ${duration(nextInSeconds)}.`;
  return h(
    "section",
    { class: "card" },
    h("h2", {}, `Timeline of ${folder}`),
    h("progress", { max: steps, value: step + 1, "aria-label": "Step of the timeline" }),
    h(
      "p",
      {},
      `Step ${step + 1} of ${steps}, from ${at} on: the profile ${profile}${factors}. ` +
        `${next} Active for ${duration(activeSeconds)}.`,
    ),
  );
}
