// A list of calls, newest first: the calls of the journal that a filter selects, and those that
// come.

import { get } from "./api.js";
import { h } from "./dom.js";
import { clock, millis } from "./format.js";
import { VirtualList } from "./virtual-list.js";

const ROW_HEIGHT = 34;
const PAGE_CALLS = 200;
const KEPT_CALLS = 5000;

/** A filter that selects every call. */
export const NO_FILTER = { url: "", method: "", outcome: "", stub: "" };

export class CallList {
  element;
  /** True if the journal has older calls than the list. */
  hasMore = false;
  /** False if a search in the journal was too long to reach its oldest calls. */
  isComplete = true;
  #list;
  #calls = [];
  #filter = NO_FILTER;
  #load = 0;

  /** `open(call)` is called for the call that a person chooses. */
  constructor({ id, label, open }) {
    this.#list = new VirtualList({
      id,
      label,
      role: "listbox",
      rowHeight: ROW_HEIGHT,
      key: (call) => call.id,
      isSame: (call, other) => call === other,
      render: callCells,
      describe: (call) => ({ "aria-label": described(call), "data-outcome": outcomeOf(call) }),
      open,
    });
    this.element = h("div", { class: "listing" }, headings(), this.#list.element);
  }

  get length() {
    return this.#calls.length;
  }

  /** Lists the calls of the journal that a filter selects. */
  async load(filter) {
    this.#filter = filter;
    const load = (this.#load += 1);
    const { calls, hasMore, isComplete } = await get(`ui/calls?${query(filter)}`);
    if (load !== this.#load) return;
    this.hasMore = hasMore;
    this.isComplete = isComplete;
    this.#show(calls);
  }

  /** Adds the older calls that follow. */
  async loadOlder() {
    const load = this.#load;
    const oldest = this.#calls.at(-1);
    const { calls, hasMore } = await get(
      `ui/calls?${query(this.#filter)}&before=${oldest.ordinal}`,
    );
    if (load !== this.#load) return;
    this.hasMore = hasMore;
    this.#show([...this.#calls, ...calls]);
  }

  /** Adds calls that came, newest first, unless the filter leaves them out. */
  add(calls) {
    const newest = this.#calls[0]?.ordinal ?? -1;
    const selected = calls.filter((call) => call.ordinal > newest && selects(this.#filter, call));
    if (selected.length > 0) this.#show([...selected, ...this.#calls].slice(0, KEPT_CALLS));
  }

  /** Removes all calls. */
  clear() {
    this.hasMore = false;
    this.#show([]);
  }

  activate(id) {
    this.#list.activate(id);
  }

  #show(calls) {
    this.#calls = calls;
    this.#list.setRows(calls);
  }
}

function query(filter) {
  const given = Object.entries(filter).filter(([, value]) => value !== "");
  return new URLSearchParams([...given, ["limit", PAGE_CALLS]]);
}

function selects(filter, call) {
  const isOutcome = {
    "": true,
    answered: call.wasMatched,
    missed: !call.wasMatched,
    beyond: call.isBeyondValid,
  };
  return (
    call.url.toLowerCase().includes(filter.url.toLowerCase()) &&
    (filter.method === "" || call.method === filter.method) &&
    (filter.stub === "" || call.stub?.id === filter.stub) &&
    isOutcome[filter.outcome]
  );
}

function outcomeOf(call) {
  if (!call.wasMatched) return "missed";
  return call.isBeyondValid ? "beyond" : "answered";
}

/** Returns the status of a call as text: a number, or why there is none. */
export function statusText(call) {
  if (call.status !== null) return String(call.status);
  return call.wasMatched ? "fault" : "forwarded";
}

function described(call) {
  const outcome = call.wasMatched ? "" : ", no stub";
  return `${call.method} ${call.url}, ${statusText(call)}${outcome}, ${clock(call.at)}`;
}

function headings() {
  const names = ["at", "status", "method", "url", "stub", "time"];
  const texts = ["time", "", "method", "URL", "stub", "intended"];
  const cells = names.map((name, place) => h("span", { class: `cell ${name}` }, texts[place]));
  return h("div", { class: "headings", "aria-hidden": "true" }, ...cells);
}

function callCells(call) {
  const time = call.serviceMs ?? call.intendedMs;
  return [
    h("span", { class: "cell at" }, clock(call.at)),
    h("span", { class: "cell status" }, statusText(call)),
    h("span", { class: "cell method" }, call.method),
    h("span", { class: "cell url" }, call.url),
    h("span", { class: "cell stub" }, call.wasMatched ? (call.stub.name ?? "") : "no stub"),
    h("span", { class: "cell time" }, time === null ? "at once" : millis(time)),
  ];
}
