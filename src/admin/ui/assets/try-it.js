// A form that sends a request to the stubs, and shows the answer and where its time went.

import { field, h, replace, select } from "./dom.js";
import { millis, pretty } from "./format.js";
import { parseDebugHeader, partsOfHeader, timeBar } from "./time-bar.js";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const DEBUG = "x-standin-debug";
/** Returns the form, filled with a request: method, path, headers and body. */
export function tryItForm({ method, path, headers, body }) {
  const answer = h("div", { class: "try-answer", role: "status", "aria-label": "Answer" });
  const fields = {
    method: select(
      METHODS.map((name) => [name, name]),
      { id: "try-method" },
    ),
    path: h("input", {
      id: "try-path",
      value: path,
      required: true,
      pattern: "/.*",
      title: "a path that begins with /",
    }),
    headers: h("textarea", { id: "try-headers", rows: 2, value: headers, spellcheck: false }),
    body: h("textarea", { id: "try-body", rows: 4, value: body, spellcheck: false }),
  };
  fields.method.value = method;
  const submit = async (event) => {
    event.preventDefault();
    replace(answer, h("p", { class: "note" }, "…"));
    try {
      replace(answer, ...(await answerTo(fields)));
    } catch (error) {
      replace(
        answer,
        h("p", { class: "bad" }, `No answer: ${error.message}. A fault breaks the connection.`),
      );
    }
  };
  return h(
    "form",
    { class: "try-it", onsubmit: submit },
    h(
      "div",
      { class: "filter" },
      field("Method", fields.method),
      field("Path and query", fields.path),
    ),
    h(
      "div",
      { class: "filter" },
      field("Headers", fields.headers, "One a line: Name: value"),
      field("Body", fields.body),
    ),
    h("button", { class: "primary" }, "Send"),
    answer,
  );
}

async function answerTo({ method, path, headers, body }) {
  const sent = new Headers({ [DEBUG]: "1" });
  for (const line of headers.value.split("\n").filter((text) => text.includes(":"))) {
    const colon = line.indexOf(":");
    sent.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  const hasBody = !["GET", "HEAD"].includes(method.value) && body.value !== "";
  const begin = performance.now();
  const response = await fetch(path.value, {
    method: method.value,
    headers: sent,
    body: hasBody ? body.value : undefined,
    cache: "no-store",
    redirect: "manual",
  });
  const text = await response.text();
  const took = performance.now() - begin;
  const explained = response.headers.get(DEBUG);
  const shown = [...response.headers].filter(([name]) => name !== DEBUG);
  return [
    h(
      "p",
      {},
      h(
        "span",
        { class: "badge", "data-outcome": explained ? "answered" : "missed" },
        String(response.status),
      ),
      ` in ${millis(took)} as this browser sees it`,
    ),
    explained
      ? explanation(explained)
      : h(
          "p",
          { class: "note" },
          "No stub answered. A listener for the admin API alone has none: " +
            "then open the dashboard on the port of the stubs.",
        ),
    h(
      "dl",
      { class: "headers" },
      ...shown.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    ),
    text
      ? h("pre", { tabIndex: 0, role: "region", "aria-label": "Body of the answer" }, pretty(text))
      : null,
  ];
}

/**
 * Returns what the debug header of an answer tells: the stub, the operation, and the parts of the
 * time.
 */
function explanation(header) {
  const told = parseDebugHeader(header);
  const stub = told.get("stub");
  const service = told.get("service");
  const operation = service ? `, operation ${told.get("operation")} of ${service}` : "";
  return h(
    "div",
    {},
    h("p", {}, "Stub ", h("a", { href: `#/stubs/${stub}` }, stub), operation),
    timeBar(partsOfHeader(told)),
  );
}
