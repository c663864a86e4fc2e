// The parts of the time of one answer, as a bar and as a list.

import { h } from "./dom.js";
import { micros, percent } from "./format.js";

/** Parts that the debug header of an answer tells, in the order of a call through them. */
const PARTS = [
  ["outside", "outside the station"],
  ["rate-waiting", "waiting for the rate limit"],
  ["front-waiting", "waiting at the front"],
  ["front", "at the front"],
  ["waiting", "waiting for a worker"],
  ["demand", "demand"],
  ["stub-delay", "delay of the stub"],
  ["late", "late"],
];
const MICROS = { ns: 1e-3, us: 1, ms: 1e3, s: 1e6, m: 6e7, h: 3.6e9 };

/** Returns the members of a debug header by name. */
export function parseDebugHeader(header) {
  const members = header.split(";").map((part) => part.trim().split("="));
  return new Map(members.map(([name, value = ""]) => [name, value.replaceAll('"', "")]));
}

/** Returns the parts of a time, in microseconds, that a debug header tells. */
export function partsOfHeader(members) {
  return Object.fromEntries([...members].map(([name, value]) => [name, parseTime(value)]));
}

/** Returns the bar and the list of the parts of a time in microseconds, by name. */
export function timeBar(times) {
  const shown = PARTS.map(([key, text]) => ({ key, text, time: times[key] ?? 0 })).filter(
    ({ time }) => time > 0,
  );
  const total = shown.reduce((sum, { time }) => sum + time, 0);
  const bar = h("div", { class: "time-bar", "aria-hidden": "true" });
  for (const { key, text, time } of shown) {
    const part = h("span", { class: `part ${key}`, title: `${text}: ${micros(time)}` });
    part.style.flexGrow = time;
    bar.append(part);
  }
  const rows = shown.flatMap(({ key, text, time }) => [
    h("dt", { class: `part-name ${key}` }, text),
    h("dd", {}, micros(time), h("span", { class: "note" }, ` ${percent(time / total)}`)),
  ]);
  return h("div", {}, shown.length > 0 ? bar : null, h("dl", { class: "facts" }, ...rows));
}

/** Returns the microseconds of a duration such as `1m30s` or `2.5ms`. */
function parseTime(text) {
  const parts = [...text.matchAll(/([\d.]+)(ns|us|ms|s|m|h)/g)];
  return parts.reduce((sum, [, value, unit]) => sum + Number(value) * MICROS[unit], 0);
}
