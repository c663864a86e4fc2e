// The frame of the dashboard: pages by the hash of the address, the stream, and the token.

import { h, replace, setText } from "./dom.js";
import { LiveData } from "./live-data.js";
import { overviewPage } from "./overview.js";
import { performancePage } from "./performance.js";
import { recordPage } from "./record.js";
import { reportsPage } from "./reports.js";
import { requestsPage } from "./requests.js";
import { signInPage } from "./sign-in.js";
import { stubsPage } from "./stubs.js";

/** Pages by name. `open(context)` returns the element of a page. */
const PAGES = {
  overview: { title: "Overview", open: overviewPage },
  requests: { title: "Requests", open: requestsPage, listsCalls: true },
  stubs: { title: "Stubs", open: stubsPage },
  performance: { title: "Performance", open: performancePage },
  record: { title: "Record", open: recordPage, listsCalls: true },
  reports: { title: "Reports", open: reportsPage },
};

const CONNECTION_TEXTS = {
  live: "live",
  broken: "no connection; trying again",
  refused: "signed out",
};

const main = document.getElementById("main");
const data = new LiveData();
let current = { name: null, abort: new AbortController(), navigate: null };

/** Returns the page and its arguments that the hash names: `#/stubs/ID` is ["stubs", "ID"]. */
function route() {
  const [, ...parts] = location.hash.split("/").map(decodeURIComponent);
  return Object.hasOwn(PAGES, parts[0]) ? parts : ["overview"];
}

function show() {
  const [name, ...rest] = route();
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.dataset.page === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (current.name === name && current.navigate) {
    current.navigate(rest);
    return;
  }
  current.abort.abort();
  const page = PAGES[name];
  document.title = `${page.title} – standin`;
  current = { name, abort: new AbortController(), navigate: null };
  const context = {
    data,
    signal: current.abort.signal,
    parts: rest,
    /** Lets a page handle addresses below its own. */
    onNavigate: (navigate) => {
      current.navigate = navigate;
    },
  };
  data.open(page.listsCalls === true);
  replace(main, page.open(context));
  main.scrollTop = 0;
}

function showConnection({ state, error }) {
  const element = document.getElementById("connection");
  element.dataset.state = state;
  setText(element, CONNECTION_TEXTS[state]);
  element.title = error ? error.message : "";
  if (state === "refused") showSignIn(error);
}

function showSignIn(error) {
  data.close();
  current.abort.abort();
  current.name = null;
  if (error.message.includes("--admin-token") || error.status === 401) {
    replace(main, signInPage(show));
    main.querySelector("input").focus();
  } else {
    replace(
      main,
      h("section", { class: "card" }, h("h1", {}, "Refused"), h("p", {}, error.message)),
    );
  }
}

const links = Object.entries(PAGES).map(([name, page]) => {
  const link = h("a", { href: `#/${name}` }, page.title);
  link.dataset.page = name;
  return link;
});
replace(document.getElementById("nav"), ...links);
data.addEventListener("connection", (event) => showConnection(event.detail));
addEventListener("hashchange", show);
show();
