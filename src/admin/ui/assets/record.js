// The page "Record": a recording of a real service through the admin API, and the stubs it makes.

import { send } from "./api.js";
import { CallList } from "./call-list.js";
import { announce, field, h, replace, setText } from "./dom.js";
import { counted } from "./format.js";

const RUNNING = "Recording";

/** Returns the page. */
export function recordPage({ data, signal }) {
  const form = new RecordingForm(() => list.clear());
  const list = new CallList({
    id: "recorded",
    label: "Recorded calls, newest first",
    open: (call) => {
      location.hash = `#/requests/${call.id}`;
    },
  });
  const note = h("p", { class: "note count" });
  const drafts = h("section", { "aria-label": "Stubs of the recording" });
  const stop = h(
    "button",
    { class: "primary", onclick: () => finish("recordings/stop", undefined) },
    "Stop and make stubs",
  );
  const preview = h(
    "button",
    { onclick: () => finish("recordings/snapshot", { persist: false, ...form.spec() }) },
    "Stubs of all proxied calls",
  );
  const running = h(
    "section",
    { class: "card" },
    h("h2", {}, "Recorded calls"),
    h("div", { class: "toolbar" }, note, h("span", { class: "buttons" }, preview, stop)),
    list.element,
  );

  const finish = async (path, spec) => {
    try {
      const response = await send("POST", path, spec);
      showDrafts(drafts, await response.json());
    } catch (error) {
      replace(drafts, h("p", { class: "bad", role: "alert" }, error.message));
    }
  };
  const draw = (state) => {
    const isRunning = state.recording === RUNNING;
    form.draw(isRunning);
    stop.hidden = !isRunning;
    setText(
      note,
      `${isRunning ? "Recording" : "Not recording"}; ` +
        `${counted(list.length, "proxied call")} since this page was opened.`,
    );
  };
  data.on("state", draw, signal);
  data.on("calls", ({ calls }) => list.add(calls.filter((call) => call.stub?.isProxy)), signal);
  return h("div", { class: "page" }, h("h1", {}, "Record"), form.element, running, drafts);
}

/** The target of a recording, and what becomes of its calls. */
class RecordingForm {
  element;
  #target = h("input", {
    type: "text",
    id: "record-target",
    required: true,
    pattern: "https?://.+",
    title: "an address that begins with http:// or https://",
    placeholder: "http://inventory:9000",
  });
  #url = h("input", { id: "record-url", placeholder: "/.*" });
  #headers = h("input", { id: "record-headers", placeholder: "Accept, X-Tenant" });
  #scenarios = h("input", { type: "checkbox", checked: true });
  #persist = h("input", { type: "checkbox", checked: true });
  #problem = h("p", { class: "bad", role: "alert" });
  #fields;
  #onStart;

  constructor(onStart) {
    this.#onStart = onStart;
    this.#fields = h(
      "fieldset",
      {},
      h("legend", { class: "visually-hidden" }, "Recording"),
      h(
        "div",
        { class: "filter" },
        field("Target", this.#target, "The service that all requests are forwarded to."),
        field("Only paths that match", this.#url, "A regular expression; empty for all."),
        field("Headers that stubs require", this.#headers, "Names with commas between them."),
      ),
      h("label", { class: "choice" }, this.#scenarios, "equal requests become a scenario"),
      h("label", { class: "choice" }, this.#persist, "save the stubs to files"),
      h("button", { class: "primary" }, "Start"),
    );
    this.element = h(
      "form",
      { class: "card", onsubmit: (event) => this.#start(event) },
      h("h2", {}, "Service"),
      this.#fields,
      this.#problem,
      h(
        "p",
        { class: "note" },
        "At most 256 requests are at the target at once (--max-in-flight); " +
          "a request waits for its turn. " +
          "The journal keeps what is recorded (--journal-bytes), secrets included: ",
        h("code", {}, "standin record"),
        " leaves secrets out, and keeps the times for a profile.",
      ),
    );
  }

  /** Returns the settings in the form of the recordings API, without the target. */
  spec() {
    const names = this.#headers.value
      .split(",")
      .map((name) => name.trim())
      .filter(Boolean);
    return {
      repeatsAsScenarios: this.#scenarios.checked,
      ...(this.#url.value ? { filters: { urlPathPattern: this.#url.value } } : {}),
      ...(names.length > 0
        ? { captureHeaders: Object.fromEntries(names.map((name) => [name, {}])) }
        : {}),
    };
  }

  draw(isRunning) {
    this.#fields.disabled = isRunning;
  }

  async #start(event) {
    event.preventDefault();
    setText(this.#problem, "");
    try {
      await send("POST", "recordings/start", {
        targetBaseUrl: this.#target.value,
        persist: this.#persist.checked,
        ...this.spec(),
      });
      this.#onStart();
      announce("The recording has started: send requests to this standin.");
    } catch (error) {
      setText(this.#problem, error.message);
    }
  }
}

function showDrafts(section, { mappings, warnings = [] }) {
  const items = mappings.map((stub) =>
    h(
      "li",
      {},
      h("a", { href: `#/stubs/${stub.id}` }, stub.name ?? stub.id),
      h(
        "span",
        { class: "note" },
        ` ${stub.request.method} ${stub.request.url ?? stub.request.urlPath ?? ""}`,
      ),
    ),
  );
  replace(
    section,
    h("h2", {}, `${counted(mappings.length, "stub")} made`),
    ...warnings.map((warning) => h("p", { class: "bad" }, warning)),
    mappings.length === 0
      ? h("p", { class: "note" }, "No call was recorded.")
      : h("ul", {}, ...items),
  );
}
