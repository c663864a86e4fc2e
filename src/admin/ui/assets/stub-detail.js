// One stub: where it is from, its text to edit, and a request to try it.

import { get, request, send } from "./api.js";
import { announce, confirmed, h, replace, setText } from "./dom.js";
import { counted } from "./format.js";
import { Editor } from "./editor.js";
import { emptyStub, requestOf, stubOfCall } from "./stub-draft.js";
import { tryItForm } from "./try-it.js";

/** Shows the stub with this id. `onChange` is called after it was changed or deleted. */
export async function showStub(element, id, onChange) {
  let stub;
  try {
    stub = await get(`mappings/${id}`);
  } catch (error) {
    replace(
      element,
      backLink(),
      h(
        "p",
        { class: "note empty" },
        error.status === 404 ? "There is no such stub any more." : error.message,
      ),
    );
    return;
  }
  const remove = async () => {
    if (!(await confirmed("Delete this stub?", "Delete"))) return;
    await send("DELETE", `mappings/${id}`);
    announce("The stub is deleted.");
    onChange();
    location.hash = "#/stubs";
  };
  const save = (text) => request(`mappings/${id}`, { method: "PUT", body: text });
  showForm(element, {
    title: stub.name ?? titleOf(stub),
    stub,
    save,
    onChange,
    actions: [
      h("button", { type: "button", class: "danger", onclick: remove }, "Delete"),
      callsLink(id),
    ],
  });
}

/** Shows a stub that is new: made of a call of the journal, if there is one. */
export async function newStub(element, callId, onChange) {
  let stub = emptyStub();
  if (callId !== null) {
    const { event } = await get(`ui/calls/${callId}`);
    stub = stubOfCall(event.request);
  }
  const save = (text) => request("mappings", { method: "POST", body: text });
  showForm(element, {
    title: callId === null ? "New stub" : "New stub of a call",
    stub,
    save,
    onChange,
    actions: [],
  });
}

function showForm(element, { title, stub, save, onChange, actions }) {
  const outcome = h("div", { class: "outcome", role: "status" });
  const tryIt = h("div", {}, tryItForm(requestOf(stub)));
  const { uuid, ...shown } = stub;
  const submit = async () => {
    try {
      const response = await save(editor.text);
      const saved = await response.json();
      const warning = response.headers.get("standin-warning");
      replace(
        outcome,
        h(
          "p",
          { class: "good" },
          "Saved. The next request sees it. ",
          stub.id ? null : h("a", { href: `#/stubs/${saved.id}` }, "Open it"),
        ),
        warning ? h("p", { class: "note" }, `warning: ${warning}`) : null,
        unsavedNote(saved),
      );
      replace(tryIt, tryItForm(requestOf(saved)));
      onChange();
    } catch (error) {
      replace(outcome, h("p", { class: "bad" }, `Not saved: ${error.message}`));
      editor.check();
    }
  };
  const editor = new Editor({
    label: "Stub as JSON",
    text: JSON.stringify(shown, null, 2),
    onSave: submit,
  });
  const persist = async () => {
    await send("POST", "mappings/save");
    setText(outcome, "All stubs are in files now.");
    onChange();
  };
  const unsavedNote = (saved) =>
    saved.persistent
      ? null
      : h(
          "p",
          { class: "note" },
          "It is in memory, and gone after a restart. ",
          h("button", { type: "button", onclick: persist }, "Save all stubs to files"),
        );
  replace(
    element,
    backLink(),
    h("h2", { class: "wrap" }, title),
    editor.element,
    h(
      "div",
      { class: "buttons" },
      h("button", { type: "button", class: "primary", onclick: submit }, "Save"),
      ...actions,
    ),
    outcome,
    h("h3", {}, "Try it"),
    tryIt,
  );
}

function callsLink(id) {
  const note = h("span", { class: "note" });
  get(`ui/calls?stub=${id}&limit=500`).then(({ calls, hasMore }) =>
    setText(
      note,
      `${hasMore ? "more than " : ""}${counted(calls.length, "call")} of it in the journal`,
    ),
  );
  return note;
}

function titleOf({ request = {} }) {
  const url =
    request.url ??
    request.urlPath ??
    request.urlPathTemplate ??
    request.urlPattern ??
    request.urlPathPattern ??
    "any URL";
  return `${request.method ?? "ANY"} ${url}`;
}

function backLink() {
  return h("a", { class: "back", href: "#/stubs" }, "← All stubs");
}
