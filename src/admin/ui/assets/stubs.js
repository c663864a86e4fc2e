// The page "Stubs": a tree of all stubs, a search, and one stub to edit and to try.

import { get } from "./api.js";
import { debounced, field, h, replace, select, setText } from "./dom.js";
import { count, counted } from "./format.js";
import { newStub, showStub } from "./stub-detail.js";
import { readStubs, search, treeRows } from "./stub-tree.js";
import { VirtualList } from "./virtual-list.js";

const ROW_HEIGHT = 34;
const TYPING_PAUSE_MS = 150;
const SHOWN = [
  ["", "all"],
  ["never", "never called"],
  ["edited", "not saved to a file"],
  ["scenario", "in a scenario"],
  ["proxy", "proxies"],
];
const IS_SHOWN = {
  "": () => true,
  never: (stub) => stub.calls === 0,
  edited: (stub) => stub.place === null || stub.place.isEdited,
  scenario: (stub) => stub.scenario !== null,
  proxy: (stub) => stub.proxyBaseUrl !== null,
};

/** Returns the page. */
export function stubsPage({ data, signal, parts, onNavigate }) {
  const page = h("div", { class: "page split" });
  const detail = h("section", { class: "detail", "aria-label": "Stub" });
  const note = h("p", { class: "note count", role: "status" });
  const broken = h("section", { class: "answer bad", hidden: true });
  const closed = new Set();
  const filter = { text: "", shown: "" };
  let stubs = [];

  const list = new VirtualList({
    id: "stubs",
    label: "Stubs by service and file",
    role: "tree",
    rowHeight: ROW_HEIGHT,
    key: (row) => row.key,
    isSame: (row, other) =>
      row.kind === "stub" && row.stub === other.stub && row.level === other.level,
    render: (row) => (row.kind === "stub" ? stubCells(row.stub) : branchCells(row)),
    describe: (row) => ({
      "aria-level": row.level,
      "data-level": row.level,
      "data-kind": row.kind,
      "aria-expanded": row.kind === "stub" ? null : String(row.isOpen),
    }),
    open: (row) => {
      if (row.kind === "stub") location.hash = `#/stubs/${row.key}`;
      else turn(row, !row.isOpen);
    },
    turn: (row, isOpen) => row.kind !== "stub" && turn(row, isOpen),
  });
  const turn = (row, isOpen) => {
    if (isOpen) closed.delete(row.key);
    else closed.add(row.key);
    draw();
  };
  const draw = () => {
    const found = search(stubs, filter.text).filter(IS_SHOWN[filter.shown]);
    list.setRows(treeRows(found, closed));
    setText(
      note,
      found.length === stubs.length
        ? counted(stubs.length, "stub")
        : `${count(found.length)} of ${counted(stubs.length, "stub")}`,
    );
  };
  const read = async () => {
    try {
      await readStubs((read) => {
        stubs = [...read];
        draw();
      }, signal);
      await showBroken(broken);
    } catch (error) {
      if (error.name !== "AbortError") setText(note, error.message);
    }
  };
  const show = async ([id, ...rest]) => {
    page.classList.toggle("has-detail", id !== undefined);
    if (id === undefined)
      replace(detail, h("p", { class: "note empty" }, "Choose a stub to see, edit and try it."));
    else if (id.startsWith("new"))
      await newStub(detail, new URLSearchParams(id.split("?")[1]).get("call"), read);
    else await showStub(detail, id, read);
    if (id !== undefined && rest.length === 0) list.activate(id);
  };

  let known = null;
  data.on(
    "state",
    (state) => {
      const key = `${state.stubs}/${state.reload.generation}/${state.reload.hasFailed}`;
      if (known !== null && key !== known) read();
      known = key;
    },
    signal,
  );
  const change = debounced(TYPING_PAUSE_MS, draw);
  onNavigate(show);
  read();
  show(parts);
  replace(
    page,
    h(
      "section",
      { class: "master" },
      h(
        "div",
        { class: "heading" },
        h("h1", {}, "Stubs"),
        h("a", { class: "button primary", href: "#/stubs/new" }, "New stub"),
      ),
      h(
        "form",
        { class: "filter", role: "search", onsubmit: (event) => event.preventDefault() },
        field(
          "Search",
          h("input", {
            type: "search",
            id: "stub-search",
            autocomplete: "off",
            oninput: (event) => ((filter.text = event.target.value), change()),
          }),
        ),
        field(
          "Show",
          select(SHOWN, {
            id: "stub-shown",
            onchange: (event) => ((filter.shown = event.target.value), draw()),
          }),
        ),
      ),
      note,
      broken,
      list.element,
    ),
    detail,
  );
  return page;
}

/** Shows the files with errors, whose stubs are left out or served as they were before. */
async function showBroken(section) {
  const { defects, leftOut } = await get("standin/reload");
  const errors = defects.filter((defect) => defect.severity === "error");
  section.hidden = errors.length === 0;
  const items = errors.map((defect) =>
    h(
      "li",
      {},
      h("code", {}, defect.line ? `${defect.file}:${defect.line}` : (defect.file ?? "")),
      ` ${defect.message}`,
      defect.help ? h("span", { class: "help" }, ` help: ${defect.help}`) : null,
    ),
  );
  replace(
    section,
    h("h2", {}, `${counted(errors.length, "error")} in files`),
    h("p", {}, `${counted(leftOut, "stub")} left out. Correct the file: standin reads it again.`),
    h("ul", {}, ...items),
  );
}

function branchCells(row) {
  const calls = row.stubs.reduce((sum, stub) => sum + stub.calls, 0);
  return [
    h("span", { class: "cell twist", "aria-hidden": "true" }, row.isOpen ? "▾" : "▸"),
    h("span", { class: "cell url" }, row.text),
    h(
      "span",
      { class: "cell time" },
      `${counted(row.stubs.length, "stub")}, ${counted(calls, "call")}`,
    ),
  ];
}

function stubCells(stub) {
  const title = stub.url ?? "any URL";
  const marks = [
    stub.place === null || stub.place.isEdited ? "unsaved" : null,
    stub.scenario ? "scenario" : null,
    stub.proxyBaseUrl ? "proxy" : null,
  ].filter(Boolean);
  return [
    h("span", { class: "cell method" }, stub.method),
    h("span", { class: "cell url", title: stub.urlKind ?? "" }, title),
    h("span", { class: "cell stub" }, [stub.name, ...marks].filter(Boolean).join(" · ")),
    h(
      "span",
      { class: stub.calls === 0 ? "cell time never" : "cell time" },
      stub.calls === 0 ? "never called" : counted(stub.calls, "call"),
    ),
  ];
}
