// One call whole: request, response, times, and the clauses of its stub or of the nearest stubs.

import { get } from "./api.js";
import { statusText } from "./call-list.js";
import { h, replace } from "./dom.js";
import { clock, millis, number, pretty } from "./format.js";
import { timeBar } from "./time-bar.js";

/** Shows the call with this id in an element. */
export async function callDetail(element, id) {
  let detail;
  try {
    detail = await get(`ui/calls/${id}`);
  } catch (error) {
    const text = error.status === 404 ? "This call has left the journal." : error.message;
    replace(element, backLink(), h("p", { class: "note empty" }, text));
    return;
  }
  const { call, event } = detail;
  replace(
    element,
    backLink(),
    h(
      "h2",
      { class: "call-title" },
      h(
        "span",
        { class: "badge", "data-outcome": call.wasMatched ? "answered" : "missed" },
        statusText(call),
      ),
      ` ${event.request.method} `,
      h("span", { class: "wrap" }, event.request.url),
    ),
    h(
      "p",
      { class: "note" },
      `at ${clock(call.at)} from ${event.request.clientIp}, ${event.request.protocol}`,
    ),
    call.wasMatched ? matchedStub(detail) : missedCall(detail, id),
    timing(call, detail.times),
    message("Request", event.request),
    call.wasMatched && event.response ? message("Response", event.response) : null,
    subEvents(event.subEvents),
  );
}

/** Returns a table of clauses: what a stub requires, what the call has, and whether they match. */
export function clauseTable(clauses, caption) {
  const rows = clauses.map((clause) => {
    const actual = Array.isArray(clause.actual)
      ? clause.actual.join(", ")
      : (clause.actual ?? "absent");
    const name = clause.name === undefined ? clause.clause : `${clause.clause} ${clause.name}`;
    return h(
      "tr",
      { class: clause.matches ? "good" : "bad" },
      h("th", { scope: "row" }, name),
      h(
        "td",
        { "data-label": "the stub requires" },
        h("span", { class: "operator" }, clause.operator),
        " ",
        h("code", {}, clause.expected),
      ),
      h(
        "td",
        { "data-label": "the call has" },
        clause.actual === null ? h("i", {}, "absent") : h("code", {}, actual),
      ),
      h(
        "td",
        { class: "verdict" },
        clause.matches ? "matches" : clause.limited ? "gave up" : "differs",
      ),
    );
  });
  const head = h(
    "thead",
    {},
    h(
      "tr",
      {},
      ...["clause", "the stub requires", "the call has", ""].map((text) =>
        h("th", { scope: "col" }, text),
      ),
    ),
  );
  return h(
    "div",
    { class: "wide", tabIndex: 0, role: "region", "aria-label": caption },
    h(
      "table",
      { class: "clauses" },
      h("caption", { class: "visually-hidden" }, caption),
      head,
      h("tbody", {}, ...rows),
    ),
  );
}

function backLink() {
  return h("a", { class: "back", href: "#/requests" }, "← All requests");
}

function matchedStub({ event, clauses }) {
  const stub = event.stubMapping;
  const link = h("a", { href: `#/stubs/${stub.id}` }, stub.name ?? stub.id);
  return h(
    "section",
    {},
    h("h3", {}, "Stub"),
    h("p", {}, "Answered by ", link, "."),
    clauses
      ? clauseTable(clauses, "Clauses of the stub")
      : h("p", { class: "note" }, "The stub is gone."),
  );
}

function missedCall({ nearMisses }, id) {
  const { nearest, examined, stubs } = nearMisses;
  const compared = examined < stubs ? ` ${examined} of ${stubs} stubs were compared.` : "";
  return h(
    "section",
    { class: "answer bad" },
    h("h3", {}, "No stub answers this call"),
    h(
      "p",
      {},
      h("a", { class: "button primary", href: `#/stubs/new?call=${id}` }, "Make a stub of this"),
    ),
    nearest.length === 0
      ? h("p", { class: "note" }, "There is no stub to compare it with.")
      : h("p", { class: "note" }, `The nearest stubs, nearest first.${compared}`),
    ...nearest.map(nearStub),
  );
}

function nearStub(near, place) {
  const differing = near.clauses.filter((clause) => !clause.matches).length;
  const title = near.name ?? (near.place ? `${near.place.file}:${near.place.line}` : near.id);
  return h(
    "details",
    { open: place === 0 },
    h(
      "summary",
      {},
      title,
      h(
        "span",
        { class: "note" },
        ` ${differing} of ${near.clauses.length} clauses differ` +
          ` (distance ${number(near.distance)})`,
      ),
    ),
    clauseTable(near.clauses, `Clauses of ${title}`),
    h("p", {}, h("a", { href: `#/stubs/${near.id}` }, "Open this stub")),
  );
}

function timing(call, times) {
  const rows = [["intended", call.intendedMs === null ? "at once" : millis(call.intendedMs)]];
  if (call.serviceMs !== null) rows.push(["the real service took", millis(call.serviceMs)]);
  if (times) rows.push(["operation", `${times.operation} of ${times.service}`]);
  if (call.isBeyondValid) rows.push(["load", "beyond the range in which the service was observed"]);
  return h(
    "section",
    {},
    h("h3", {}, "Times"),
    h(
      "dl",
      { class: "facts" },
      ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    ),
    times ? timeBar(times) : null,
  );
}

function message(title, { headers = {}, body = "", bodyOmitted, fault }) {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((one) => [name, one]),
  );
  return h(
    "details",
    { open: true },
    h("summary", {}, title),
    fault ? h("p", { class: "bad" }, `The connection is broken: ${fault}`) : null,
    h(
      "dl",
      { class: "headers" },
      ...lines.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    ),
    bodyOmitted ? h("p", { class: "note" }, "The body was too long for the journal.") : null,
    body
      ? h(
          "pre",
          { tabIndex: 0, role: "region", "aria-label": `Body of the ${title.toLowerCase()}` },
          pretty(body),
        )
      : null,
  );
}

function subEvents(events = []) {
  const later = events.filter((event) => event.type !== "REQUEST_NOT_MATCHED");
  if (later.length === 0) return null;
  return h(
    "details",
    {},
    h("summary", {}, "After the answer"),
    ...later.map((event) =>
      h("div", {}, h("b", {}, event.type), h("pre", {}, JSON.stringify(event.data, null, 2))),
    ),
  );
}
