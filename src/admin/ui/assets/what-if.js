// What-if knobs: factors of latency and capacity that act at once, and end by themselves.

import { send } from "./api.js";
import { announce, field, h, select, setText } from "./dom.js";
import { duration, number } from "./format.js";

const TIMES = [
  ["10", "10 seconds"],
  ["30", "30 seconds"],
  ["60", "1 minute"],
  ["300", "5 minutes"],
  ["900", "15 minutes"],
  ["3600", "1 hour"],
];
const STEPS_PER_DOUBLING = 4;
const KNOBS = [
  { key: "latency", name: "Latency", hint: "All times of the profile, times this." },
  { key: "capacity", name: "Capacity", hint: "Workers and rates of all stations, times this." },
];

export class WhatIf {
  element;
  #status = h("p", { class: "what-if-status" });
  #time = select(TIMES, { id: "what-if-time" });
  #end = h("button", { type: "button", onclick: () => this.#send("DELETE") }, "End now");
  #knobs;
  #fields;
  #isActive = false;
  #isMissing = false;
  /** True once a knob of this page was turned: its place is the person's. */
  #wasTurned = false;

  constructor() {
    this.#time.value = "60";
    this.#knobs = KNOBS.map((knob) => new Knob(knob, () => this.#apply()));
    this.#fields = h(
      "fieldset",
      {},
      h("legend", { class: "visually-hidden" }, "Factors"),
      h("div", { class: "knobs" }, ...this.#knobs.map((knob) => knob.element)),
      field("For", this.#time),
    );
    this.element = h(
      "section",
      { class: "card what-if" },
      h("h2", {}, "What if"),
      h(
        "p",
        { class: "note" },
        "Turn a knob: it acts at once, on calls that come and on queues, and goes back by itself.",
      ),
      this.#fields,
      h("div", { class: "toolbar" }, this.#status, this.#end),
    );
  }

  /** Shows the factors in force. */
  draw({ profile, whatIf }) {
    const isGone = this.#isActive && whatIf === null;
    if (isGone && !this.#isMissing) {
      // this state may be older than the answer that set the factors: the next one tells
      this.#isMissing = true;
      return;
    }
    this.#isMissing = false;
    this.#fields.disabled = profile === null;
    this.#end.hidden = whatIf === null;
    this.element.classList.toggle("on", whatIf !== null);
    if (whatIf && !this.#isActive && !this.#wasTurned) {
      this.#knobs[0].set(whatIf.latency);
      this.#knobs[1].set(whatIf.capacity);
    }
    this.#isActive = whatIf !== null;
    if (isGone) {
      this.#wasTurned = false;
      for (const knob of this.#knobs) knob.set(1);
      announce("The what-if factors have ended.");
    }
    setText(this.#status, statusText(profile, whatIf));
  }

  #apply() {
    this.#wasTurned = true;
    const [latency, capacity] = this.#knobs.map((knob) => knob.factor);
    if (latency === 1 && capacity === 1) this.#send("DELETE");
    else this.#send("PUT", { latency, capacity, seconds: Number(this.#time.value) });
  }

  async #send(method, factors) {
    try {
      const response = await send(method, "standin/what-if", factors);
      this.#isMissing = method === "DELETE";
      this.draw(await response.json());
      announce(this.#status.textContent);
    } catch (error) {
      setText(this.#status, error.message);
    }
  }
}

function statusText(profile, whatIf) {
  if (profile === null)
    return "Put a profile in force first: without one there is nothing to scale.";
  if (whatIf === null) return "The profile is served as it is.";
  const factors = `Latency × ${number(whatIf.latency)}, capacity × ${number(whatIf.capacity)}`;
  return `${factors}: ends in ${duration(whatIf.endsInSeconds)}.`;
}

/** A slider of factors from 1/8 to 8, in quarter doublings. */
class Knob {
  element;
  #slider;
  #output = h("output", {}, "× 1");

  constructor({ key, name, hint }, onChange) {
    const end = 3 * STEPS_PER_DOUBLING;
    this.#slider = h("input", {
      type: "range",
      id: `what-if-${key}`,
      min: -end,
      max: end,
      step: 1,
      value: 0,
      oninput: () => this.#show(),
      onchange: onChange,
    });
    this.element = h(
      "label",
      { class: "field knob" },
      h("span", {}, `${name} `, this.#output),
      this.#slider,
      h("span", { class: "note" }, hint),
    );
    this.#show();
  }

  get factor() {
    return 2 ** (Number(this.#slider.value) / STEPS_PER_DOUBLING);
  }

  set(factor) {
    this.#slider.value = Math.round(Math.log2(factor) * STEPS_PER_DOUBLING);
    this.#show();
  }

  #show() {
    const text = `× ${number(this.factor)}`;
    this.#slider.setAttribute("aria-valuetext", text);
    setText(this.#output, text);
  }
}
