// An editor of JSON that shows the errors and warnings of a stub where they are.

import { get } from "./api.js";
import { debounced, h, replace, setText } from "./dom.js";
import { counted } from "./format.js";

const TYPING_PAUSE_MS = 250;

export class Editor {
  element;
  #text;
  #underlay = h("pre", { class: "underlay", "aria-hidden": "true" });
  #gutter = h("pre", { class: "gutter", "aria-hidden": "true" });
  #summary = h("p", { class: "note", id: "defect-summary", role: "status" });
  #list = h("ul", { class: "defects", id: "defects" });
  #defects = [];
  #check = 0;

  /** `label` names the text for a screen reader; `onSave` is called by Ctrl+S. */
  constructor({ label, text, onSave }) {
    const checkLater = debounced(TYPING_PAUSE_MS, () => this.check());
    this.#text = h("textarea", {
      id: "editor",
      spellcheck: false,
      autocapitalize: "off",
      wrap: "off",
      value: text,
      "aria-label": label,
      "aria-describedby": "defect-summary",
      oninput: () => {
        this.#drawText();
        checkLater();
      },
      onscroll: () => this.#alignScroll(),
      onkeydown: (event) => {
        if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        onSave();
      },
    });
    const pane = h("div", { class: "pane" }, this.#underlay, this.#text);
    this.element = h(
      "div",
      { class: "editor" },
      h("div", { class: "text" }, this.#gutter, pane),
      this.#summary,
      this.#list,
    );
    this.#drawText();
    this.check();
  }

  get text() {
    return this.#text.value;
  }

  focus() {
    this.#text.focus();
  }

  /** Asks the server for the defects of the text, and shows them. Returns true without an error. */
  async check() {
    const check = (this.#check += 1);
    try {
      const { defects } = await get("ui/check", { method: "POST", body: this.text });
      if (check === this.#check) this.#show(defects);
      return defects.every((defect) => defect.severity !== "error");
    } catch (error) {
      this.#show([]);
      setText(this.#summary, error.message);
      return false;
    }
  }

  #show(defects) {
    this.#defects = defects;
    const errors = defects.filter((defect) => defect.severity === "error").length;
    const warnings = defects.length - errors;
    const parts = [
      errors > 0 ? counted(errors, "error") : null,
      warnings > 0 ? counted(warnings, "warning") : null,
    ];
    setText(this.#summary, defects.length === 0 ? "No errors." : parts.filter(Boolean).join(", "));
    this.#text.setAttribute("aria-invalid", String(errors > 0));
    replace(this.#list, ...defects.map((defect) => this.#item(defect)));
    this.#drawText();
  }

  #item(defect) {
    const place = defect.line === null ? "" : `line ${defect.line}, column ${defect.column}: `;
    return h(
      "li",
      { class: defect.severity },
      h(
        "button",
        { type: "button", onclick: () => this.#select(defect) },
        h("b", {}, `${defect.severity}: `),
        place,
        defect.message,
      ),
      defect.help ? h("p", { class: "help" }, "help: ", defect.help) : null,
    );
  }

  #select(defect) {
    const [start, end] = this.#rangeOf(defect);
    this.#text.focus();
    this.#text.setSelectionRange(start, end);
    const lineHeight = parseFloat(getComputedStyle(this.#text).lineHeight);
    this.#text.scrollTop = Math.max(0, (defect.line - 4) * lineHeight);
  }

  /** Returns the place of a defect in the text, at least one character long. */
  #rangeOf(defect) {
    const lines = this.text.split("\n");
    const offset = (line, column) => {
      const before = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
      // columns count characters, the text counts UTF-16 units
      return before + [...(lines[line - 1] ?? "")].slice(0, column - 1).join("").length;
    };
    const start = offset(defect.line ?? 1, defect.column ?? 1);
    const end = offset(
      defect.endLine ?? defect.line ?? 1,
      defect.endColumn ?? (defect.column ?? 1) + 1,
    );
    return [start, Math.max(end, start + 1)];
  }

  #drawText() {
    const lines = this.text.split("\n");
    const worst = new Map();
    for (const { line, severity } of this.#defects)
      if (worst.get(line) !== "error") worst.set(line, severity);
    replace(
      this.#gutter,
      ...lines.flatMap((_, place) => [
        h("span", { class: worst.get(place + 1) ?? "" }, String(place + 1)),
        "\n",
      ]),
    );
    replace(this.#underlay, ...this.#underlined());
    this.#alignScroll();
  }

  /** Returns the text in pieces, of which those with a defect are marked. */
  #underlined() {
    const ranges = this.#defects
      .filter((defect) => defect.line !== null)
      .map((defect) => [...this.#rangeOf(defect), defect.severity]);
    ranges.sort((one, other) => one[0] - other[0]);
    const pieces = [];
    let at = 0;
    for (const [start, end, severity] of ranges) {
      if (start < at) continue;
      pieces.push(
        this.text.slice(at, start),
        h("mark", { class: severity }, this.text.slice(start, end)),
      );
      at = end;
    }
    // a last line break would not take up a line
    return [...pieces, `${this.text.slice(at)}\n`];
  }

  #alignScroll() {
    const { scrollTop, scrollLeft } = this.#text;
    this.#underlay.scrollTop = scrollTop;
    this.#underlay.scrollLeft = scrollLeft;
    this.#gutter.scrollTop = scrollTop;
  }
}
