// A list of which only the visible rows are in the document, so that ten thousand rows cost what
// thirty do. It is operated by the keyboard as a listbox or a tree.

import { h, replace } from "./dom.js";

const ROWS_AROUND = 8;

export class VirtualList {
  /** The element of the list. */
  element;
  #rows = [];
  #options;
  #body = h("div", { class: "rows" });
  #active = -1;
  #frame = 0;
  /** Elements of the visible rows with their rows, by key. */
  #drawn = new Map();

  /**
   * Options: `id`, `role` ("listbox" or "tree"), `label`, `rowHeight` in pixels, `key(row)`,
   * `isSame(row, other)` is true for two rows of one key that look the same, `render(row)` returns
   * the children of a row, `describe(row)` its attributes, `open(row)` is called by a click or
   * Enter, `turn(row, isRight)` by the arrows to the sides.
   */
  constructor(options) {
    this.#options = options;
    this.element = h(
      "div",
      {
        class: "list",
        role: options.role,
        tabIndex: 0,
        "aria-label": options.label,
        onscroll: () => this.#schedule(),
        onkeydown: (event) => this.#onKey(event),
        onclick: (event) => this.#onClick(event),
        onfocus: () => this.#focus(),
      },
      this.#body,
    );
    new ResizeObserver(() => this.#schedule()).observe(this.element);
  }

  /** The rows, first to last. */
  get rows() {
    return this.#rows;
  }

  /** Replaces the rows. The active row stays active, and what is read stays in sight. */
  setRows(rows) {
    const { key } = this.#options;
    const activeKey = this.#rows[this.#active] && key(this.#rows[this.#active]);
    const top = Math.floor(this.element.scrollTop / this.#options.rowHeight);
    const topKey = top > 0 && this.#rows[top] ? key(this.#rows[top]) : null;
    this.#rows = rows;
    this.#active = activeKey === undefined ? -1 : rows.findIndex((row) => key(row) === activeKey);
    if (topKey !== null) {
      const moved = rows.findIndex((row) => key(row) === topKey) - top;
      if (moved > 0) this.element.scrollTop += moved * this.#options.rowHeight;
    }
    this.#schedule();
  }

  /** Makes the row with this key the active one, and shows it. */
  activate(key) {
    const place = this.#rows.findIndex((row) => this.#options.key(row) === key);
    if (place >= 0) this.#activate(place);
  }

  #schedule() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const { rowHeight, key } = this.#options;
    const first = Math.max(0, Math.floor(this.element.scrollTop / rowHeight) - ROWS_AROUND);
    const shown = Math.ceil(this.element.clientHeight / rowHeight) + 2 * ROWS_AROUND;
    const visible = this.#rows.slice(first, first + shown);
    this.#body.style.height = `${this.#rows.length * rowHeight}px`;
    const drawn = new Map(
      visible.map((row, place) => [key(row), this.#drawRow(row, first + place)]),
    );
    for (const [known, { element }] of this.#drawn) if (!drawn.has(known)) element.remove();
    this.#drawn = drawn;
    const isShown = this.#active >= first && this.#active < first + visible.length;
    if (isShown) this.element.setAttribute("aria-activedescendant", this.#idOf(this.#active));
    else this.element.removeAttribute("aria-activedescendant");
  }

  /**
   * Draws a row. Its element stays the same while it is shown, so that a click on it is not lost.
   */
  #drawRow(row, index) {
    const { rowHeight, render, describe, key, role, isSame } = this.#options;
    const known = this.#drawn.get(key(row));
    const element = known?.element ?? h("div", { role: role === "tree" ? "treeitem" : "option" });
    if (!known || !isSame(known.row, row)) {
      replace(element, ...render(row));
      for (const [name, value] of Object.entries(describe(row))) {
        if (value === null) element.removeAttribute(name);
        else element.setAttribute(name, value);
      }
    }
    const isActive = index === this.#active;
    element.className = isActive ? "row active" : "row";
    element.id = this.#idOf(index);
    element.dataset.key = key(row);
    element.style.top = `${index * rowHeight}px`;
    element.setAttribute("aria-selected", String(isActive));
    element.setAttribute("aria-setsize", this.#rows.length);
    element.setAttribute("aria-posinset", index + 1);
    if (!known) this.#body.append(element);
    return { element, row };
  }

  #idOf(index) {
    return `${this.#options.id}-${index}`;
  }

  #activate(index) {
    const { rowHeight } = this.#options;
    this.#active = Math.min(Math.max(index, 0), this.#rows.length - 1);
    const top = this.#active * rowHeight;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + rowHeight > scrollTop + clientHeight)
      this.element.scrollTop = top + rowHeight - clientHeight;
    // drawn at once: the next key may come before the next frame
    this.#draw();
  }

  #focus() {
    if (this.#active < 0 && this.#rows.length > 0) this.#activate(0);
  }

  #onKey(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#options.rowHeight) - 1);
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    const row = this.#rows[this.#active];
    if (event.key in steps) this.#activate(this.#active + steps[event.key]);
    else if (event.key === "Enter" && row) this.#options.open(row);
    else if ((event.key === "ArrowRight" || event.key === "ArrowLeft") && row) {
      this.#options.turn?.(row, event.key === "ArrowRight");
    } else return;
    event.preventDefault();
  }

  #onClick(event) {
    const clicked = event.target.closest(".row");
    if (!clicked) return;
    const place = this.#rows.findIndex(
      (row) => String(this.#options.key(row)) === clicked.dataset.key,
    );
    if (place < 0) return;
    this.#activate(place);
    this.#options.open(this.#rows[place]);
  }
}
