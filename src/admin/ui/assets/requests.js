// The page "Requests": the calls that came, a filter, and one call whole.

import { send } from "./api.js";
import { callDetail } from "./call-detail.js";
import { CallList, NO_FILTER } from "./call-list.js";
import { announce, confirmed, debounced, field, h, replace, select, setText } from "./dom.js";
import { count, counted } from "./format.js";

const TYPING_PAUSE_MS = 250;
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const OUTCOMES = [
  ["", "all"],
  ["missed", "missed"],
  ["answered", "answered"],
  ["beyond", "beyond the valid range"],
];

/** Returns the page. */
export function requestsPage({ data, signal, parts, onNavigate }) {
  const list = new CallList({
    id: "calls",
    label: "Calls, newest first",
    open: (call) => {
      location.hash = `#/requests/${call.id}`;
    },
  });
  const note = h("p", { class: "note count" });
  const older = h("button", { hidden: true, onclick: () => loadOlder() }, "Load older calls");
  const pause = h("button", { "aria-pressed": "false", onclick: () => togglePause() }, "Pause");
  const detail = h("section", { class: "detail", "aria-label": "Call" });
  const page = h("div", { class: "page split" });
  const filter = { ...NO_FILTER };
  let leftOut = 0;
  let isPaused = false;

  const showNote = (problem) => {
    older.hidden = !list.hasMore;
    const { journal } = data.state ?? {};
    const notes = [counted(list.length, "call")];
    if (!list.isComplete) notes.push("older calls were not searched, for lack of time");
    if (leftOut > 0)
      notes.push(`${count(leftOut)} came too fast to be listed: a filter searches them all`);
    if (journal?.evicted > 0) notes.push(`${count(journal.evicted)} have left the journal`);
    if (journal && !journal.isOn) notes.push("the journal is off (--journal-bytes 0)");
    setText(note, problem ?? `${notes.join("; ")}.`);
  };
  const load = async () => {
    leftOut = 0;
    try {
      await list.load({ ...filter });
      showNote();
      announce(note.textContent);
    } catch (error) {
      showNote(error.message);
    }
  };
  const loadOlder = async () => {
    await list.loadOlder();
    showNote();
  };
  const togglePause = () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    setText(pause, isPaused ? "Go on" : "Pause");
    if (!isPaused) load();
  };
  const forget = async () => {
    if (!(await confirmed("Remove all calls from the journal?", "Remove"))) return;
    await send("DELETE", "requests");
    list.clear();
    showNote();
    announce("All calls are removed from the journal.");
  };
  const change = debounced(TYPING_PAUSE_MS, load);
  const input = (key) => (event) => {
    filter[key] = event.target.value.trim();
    change();
  };
  const show = async ([id]) => {
    page.classList.toggle("has-detail", id !== undefined);
    if (id === undefined) {
      replace(detail, h("p", { class: "note empty" }, "Choose a call to see it whole."));
      return;
    }
    await callDetail(detail, id);
    list.activate(id);
  };

  data.on(
    "calls",
    (event) => {
      if (isPaused) return;
      list.add(event.calls);
      leftOut += event.leftOut;
      showNote();
    },
    signal,
  );
  onNavigate(show);
  load();
  show(parts);
  replace(
    page,
    h(
      "section",
      { class: "master" },
      h("h1", {}, "Requests"),
      h(
        "form",
        { class: "filter", role: "search", onsubmit: (event) => event.preventDefault() },
        field(
          "URL contains",
          h("input", {
            type: "search",
            id: "filter-url",
            oninput: input("url"),
            autocomplete: "off",
          }),
        ),
        field(
          "Method",
          select([["", "any"], ...METHODS.map((method) => [method, method])], {
            id: "filter-method",
            onchange: input("method"),
          }),
        ),
        field("Outcome", select(OUTCOMES, { id: "filter-outcome", onchange: input("outcome") })),
      ),
      h(
        "div",
        { class: "toolbar" },
        note,
        h("span", { class: "buttons" }, pause, h("button", { onclick: forget }, "Forget all")),
      ),
      list.element,
      older,
    ),
    detail,
  );
  return page;
}
