// Builders of elements. Text always becomes a text node, so that nothing that a call carries can
// become markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element. Properties that begin with `on` are listeners, `class` and names with a dash
 * are attributes, the others are properties of the element. Children that are null or false are
 * left out.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "role" || name === "for" || name.includes("-"))
      element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...present(children));
  return element;
}

/** Makes an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...present(children));
  return element;
}

/** Replaces the children of an element. */
export function replace(element, ...children) {
  element.replaceChildren(...present(children));
}

/** Sets the text of an element, and leaves the document alone if it is the same. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Reads a text to users of a screen reader. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** Makes a label with its field below. */
export function field(label, control, hint) {
  const note = hint ? h("span", { class: "note" }, hint) : null;
  return h("label", { class: "field" }, h("span", {}, label), control, note);
}

/** Makes a `<select>` of [value, text] pairs. */
export function select(options, properties) {
  return h("select", properties, ...options.map(([value, text]) => h("option", { value }, text)));
}

/** Returns a function that calls `work` once no call came for `wait` milliseconds. */
export function debounced(wait, work) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...args), wait);
  };
}

/** Asks a question in a dialog; resolves to true if the answer is `action`. */
export function confirmed(question, action) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      {
        "aria-label": question,
        onclose: () => (resolve(dialog.returnValue === "yes"), dialog.remove()),
      },
      h(
        "form",
        { method: "dialog" },
        h("p", {}, question),
        h(
          "div",
          { class: "buttons" },
          h("button", { value: "no" }, "Cancel"),
          h("button", { value: "yes", class: "danger" }, action),
        ),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

function present(children) {
  return children
    .flat()
    .filter((child) => child !== null && child !== undefined && child !== false);
}
