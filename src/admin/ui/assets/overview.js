// The page "Overview": what is called, what is answered, how late, and how busy each station is.

import { TimeChart } from "./chart.js";
import { h, replace, setText } from "./dom.js";
import { clock, count, counted, duration, micros, number, percent } from "./format.js";
import { LatencyChart } from "./latency-chart.js";
import { recentMean } from "./live-data.js";
import { StationCards } from "./station.js";

const RATE_OVER_MS = 3000;
const SHOWN_FLAGS = 3;

/** Returns the page. */
export function overviewPage({ data, signal }) {
  const tiles = new Tiles();
  const answerTimes = new LatencyChart();
  const stations = new StationCards();
  const flags = h("section", { class: "card" });
  const stationSection = h("section", {});
  const start = h("section", { class: "card start", hidden: true });
  const calls = new TimeChart({
    label: "Calls per second in the last minutes",
    title: "Calls per second",
    format: number,
    lines: [
      { name: "answered", look: "answered", value: (point) => point.answered },
      { name: "missed", look: "missed", value: (point) => point.missed },
    ],
    marks: { name: "second in which standin was late", list: () => flagMarks(data.state) },
  });
  const draw = () => {
    const { state, points } = data;
    if (!state) return;
    tiles.draw(state, points);
    calls.draw(points);
    answerTimes.draw(state.answerTimes);
    drawStart(start, state);
    drawStations(stationSection, stations, state, points);
    drawFlags(flags, state.audit);
  };
  data.on("state", draw, signal);
  requestAnimationFrame(draw);
  return h(
    "div",
    { class: "page" },
    h("h1", {}, "Overview"),
    start,
    tiles.element,
    h(
      "div",
      { class: "two" },
      h("div", { class: "column" }, h("section", { class: "card" }, calls.element), stationSection),
      h("div", { class: "column" }, h("section", { class: "card" }, answerTimes.element), flags),
    ),
  );
}

/** The most important numbers. */
class Tiles {
  element;
  #tiles;

  constructor() {
    this.#tiles = ["Answered", "Missed", "Late by", "Flagged seconds", "Stubs"].map((name) => {
      const value = h("p", { class: "value" }, "–");
      const note = h("p", { class: "note" });
      return {
        value,
        note,
        element: h("section", { class: "tile" }, h("h2", {}, name), value, note),
      };
    });
    this.element = h("div", { class: "tiles" }, ...this.#tiles.map((tile) => tile.element));
  }

  draw(state, points) {
    const rate = (key) => recentMean(points, RATE_OVER_MS, (point) => point[key]);
    const perSecond = (value) => (value === null ? "–" : `${number(value)} /s`);
    const { audit, answered, missed } = state;
    const busiest = Math.max(0, ...audit.workers.map((worker) => worker.cpuShare));
    const texts = [
      [perSecond(rate("answered")), `${count(answered)} in ${duration(state.uptimeSeconds)}`],
      [
        perSecond(rate("missed")),
        missed === 0 ? "every call met a stub" : `${counted(missed, "call")} without a stub so far`,
      ],
      [
        audit.lateness.count === 0 ? "–" : micros(audit.lateness.p99),
        audit.lateness.count === 0
          ? "no answer had a delay"
          : `at most, for 99 of 100 answers; median ${micros(audit.lateness.p50)}`,
      ],
      [
        count(audit.flagged),
        `of ${count(audit.windows)}; the busiest worker uses ${percent(busiest)} of a core`,
      ],
      [
        count(state.stubs),
        state.reload.leftOut > 0
          ? `${count(state.reload.leftOut)} left out because of errors`
          : "all files are read",
      ],
    ];
    texts.forEach(([value, note], place) => {
      setText(this.#tiles[place].value, value);
      setText(this.#tiles[place].note, note);
    });
    this.#mark(1, missed > 0 && (rate("missed") ?? 0) > 0);
    this.#mark(3, audit.flagged > 0);
    this.#mark(4, state.reload.leftOut > 0 || state.reload.hasFailed);
  }

  #mark(place, isBad) {
    this.#tiles[place].element.classList.toggle("warned", isBad);
  }
}

function drawStart(section, state) {
  const isFresh = state.answered + state.missed === 0;
  if (section.hidden === !isFresh && section.childElementCount > 0) return;
  section.hidden = !isFresh;
  replace(
    section,
    h("h2", {}, "No call has come yet"),
    h("p", {}, "Send one, and watch this page: ", h("code", {}, `curl ${location.origin}/`)),
    h(
      "p",
      { class: "note" },
      state.stubs === 0 ? "There are no stubs: " : "Then look at the ",
      state.stubs === 0
        ? h("a", { href: "#/stubs/new" }, "write one")
        : h("a", { href: "#/requests" }, "requests"),
      ".",
    ),
  );
}

function drawStations(section, cards, state, points) {
  const { profile, services } = state.pacing;
  const key = `${profile}/${services.length}`;
  if (section.dataset.key !== key) {
    section.dataset.key = key;
    const none = h(
      "p",
      { class: "note" },
      "No profile is in force: answers take the time that their stubs say. ",
      h("a", { href: "#/performance" }, "Put one in force"),
      ".",
    );
    const title = h("h2", {}, profile === null ? "Stations" : `Stations of the profile ${profile}`);
    replace(section, title, profile === null ? none : cards.element);
  }
  cards.draw(services, points);
}

function drawFlags(section, audit) {
  const key = `${audit.flagged}/${audit.windows > 0}`;
  if (section.dataset.key === key) return;
  section.dataset.key = key;
  const listed = audit.lastFlagged
    .slice(0, SHOWN_FLAGS)
    .map((flagged) =>
      h(
        "li",
        {},
        h("b", {}, clock(flagged.at).slice(0, 8)),
        ` worker ${flagged.worker}: ${flagged.reasons.join("; ")}`,
      ),
    );
  const verdict =
    audit.flagged === 0
      ? h(
          "p",
          {},
          "In no second was standin itself too slow. " +
            "Its times are as good as the stubs and the profile.",
        )
      : h(
          "p",
          {},
          "In the flagged seconds standin was itself the bottleneck. " +
            "Leave them out of what you measure.",
        );
  replace(section, h("h2", {}, "Audit"), verdict, h("ul", { class: "flags" }, ...listed));
}

function flagMarks(state) {
  return (state?.audit.lastFlagged ?? []).map((flagged) => ({
    at: flagged.at,
    text: flagged.reasons.join("; "),
  }));
}
