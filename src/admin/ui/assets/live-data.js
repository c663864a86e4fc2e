// What the server sends, kept for the charts: the last state, and series of the last minutes.

import { EventStream } from "./event-stream.js";

const KEPT_MS = 5 * 60 * 1000;

/** The data of one dashboard, and those who want to know when it changes. */
export class LiveData extends EventTarget {
  /** The last `state` event; null before the first. */
  state = null;
  /** Points of the last five minutes, oldest first: time, rates, quantiles and stations. */
  points = [];
  #stream = null;
  #listsCalls = null;

  /** Opens the stream, or opens it anew if `listsCalls` differs. */
  open(listsCalls) {
    if (this.#stream && this.#listsCalls === listsCalls) return;
    this.close();
    this.#listsCalls = listsCalls;
    this.#stream = new EventStream(`ui/events?calls=${listsCalls}`, {
      onEvent: (name, data) => this.#take(name, data),
      onState: (state, error) => this.#emit("connection", { state, error }),
    });
  }

  close() {
    this.#stream?.close();
    this.#stream = null;
  }

  /** Calls `handler` for each event of this name until the signal aborts. */
  on(name, handler, signal) {
    this.addEventListener(name, (event) => handler(event.detail), { signal });
  }

  #take(name, data) {
    if (name === "state") {
      this.#append(data);
      this.state = data;
    }
    this.#emit(name, data);
  }

  #append(state) {
    const before = this.state;
    // a server that was started again counts from zero
    if (before && state.uptimeSeconds < before.uptimeSeconds) this.points = [];
    else if (before && state.at > before.at) this.points.push(pointBetween(before, state));
    const oldest = state.at - KEPT_MS;
    while (this.points.length > 0 && this.points[0].at < oldest) this.points.shift();
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function pointBetween(before, state) {
  const seconds = (state.at - before.at) / 1000;
  const rate = (now, earlier) => Math.max(0, now - earlier) / seconds;
  const stationsBefore = new Map(
    (before.pacing.services ?? []).map((service) => [service.name, service]),
  );
  return {
    at: state.at,
    answered: rate(state.answered, before.answered),
    missed: rate(state.missed, before.missed),
    stations: (state.pacing.services ?? []).map((service) => {
      const earlier = stationsBefore.get(service.name);
      return {
        name: service.name,
        perSecond: earlier ? rate(service.paced, earlier.paced) : 0,
        inFlight: service.inFlight + (service.front?.inFlight ?? 0),
        busy: Math.max(0, service.inFlight - service.waiting),
        waiting: service.waiting + (service.front?.waiting ?? 0),
        servers: service.workers ?? service.cores,
      };
    }),
  };
}

/** Returns the mean of `value` over the points of the last `milliseconds`; null without a point. */
export function recentMean(points, milliseconds, value) {
  const newest = points.at(-1);
  if (!newest) return null;
  const recent = points
    .filter((point) => point.at > newest.at - milliseconds)
    .map(value)
    .filter((item) => item !== null && item !== undefined);
  return recent.length === 0 ? null : recent.reduce((sum, item) => sum + item, 0) / recent.length;
}
