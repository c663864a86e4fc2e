// The page "Reports": the reports of `fit` and `gap` that are kept in the stub folders.

import { address, get, hasToken, request } from "./api.js";
import { announce, h, replace } from "./dom.js";

/** Returns the page. */
export function reportsPage({ signal, parts, onNavigate }) {
  const list = h("nav", { class: "card", "aria-label": "Reports" }, h("p", { class: "note" }, "Reading…"));
  const shown = h("section", { class: "card", "aria-label": "Report", hidden: true });
  let reports = [];

  const show = async ([folder, name]) => {
    for (const link of list.querySelectorAll("a")) {
      if (link.hash === hashOf({ folder, name })) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    shown.hidden = name === undefined;
    if (name === undefined) return;
    const title = h("h2", {}, name.replace(/\.txt$/, ""));
    try {
      const response = await request(pathOf({ folder, name }), { signal });
      replace(shown, title, pageLink(reports, folder, name), h("pre", { class: "report", tabIndex: 0 }, await response.text()));
      announce(`Report ${name}`);
    } catch (error) {
      if (error.name === "AbortError") return;
      replace(shown, title, h("p", { class: "bad", role: "alert" }, error.message));
    }
  };

  const read = async () => {
    try {
      reports = (await get("ui/reports", { signal })).reports;
    } catch (error) {
      if (error.name !== "AbortError") replace(list, h("p", { class: "bad", role: "alert" }, error.message));
      return;
    }
    replace(list, ...listed(reports));
    await show(parts);
  };
  onNavigate(show);
  read();
  const again = h("button", { onclick: read }, "Read again");
  return h("div", { class: "page" }, h("div", { class: "toolbar" }, h("h1", {}, "Reports"), again), list, shown);
}

function listed(reports) {
  const texts = reports.filter((report) => report.name.endsWith(".txt"));
  if (texts.length === 0) {
    return [
      h("p", {}, "There are no reports yet. These commands keep theirs in the folder ", h("code", {}, "reports"), ":"),
      h("pre", {}, "standin fit DIR\nstandin gap DIR"),
    ];
  }
  const items = texts.map((report) =>
    h(
      "li",
      {},
      h("a", { href: hashOf(report) }, `${report.service} – ${report.name.replace(/\.txt$/, "")}`),
      " ",
      h("span", { class: "note" }, new Date(report.at).toLocaleString()),
    ),
  );
  return [h("ul", { class: "reports" }, ...items)];
}

/** Makes the link to the page of a report. A browser sends no token with a link. */
function pageLink(reports, folder, name) {
  const page = name.replace(/\.txt$/, ".html");
  const isThere = reports.some((report) => String(report.folder) === folder && report.name === page);
  if (!isThere || hasToken()) return null;
  const href = address(pathOf({ folder, name: page })).href;
  return h("p", {}, h("a", { href, target: "_blank", rel: "noopener noreferrer" }, "Open as a page with charts"));
}

function pathOf({ folder, name }) {
  return `ui/reports/${folder}/${encodeURIComponent(name)}`;
}

function hashOf({ folder, name }) {
  return `#/reports/${folder}/${encodeURIComponent(name)}`;
}
