// Server-sent events by `fetch`, since an EventSource cannot send a token.

import { ApiError, request } from "./api.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;

/**
 * A stream that opens again after it has broken.
 *
 * `onEvent(name, data)` gets each event, `onState(state, error)` gets "live", "broken" or
 * "refused" when that changes.
 */
export class EventStream {
  #path;
  #handlers;
  #abort = new AbortController();

  constructor(path, handlers) {
    this.#path = path;
    this.#handlers = handlers;
    this.#run();
  }

  close() {
    this.#abort.abort();
  }

  async #run() {
    let pause = FIRST_PAUSE_MS;
    while (!this.#abort.signal.aborted) {
      try {
        const response = await request(this.#path, { signal: this.#abort.signal });
        pause = FIRST_PAUSE_MS;
        this.#handlers.onState("live");
        await this.#read(response.body.getReader());
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        const isRefused =
          error instanceof ApiError && (error.status === 401 || error.status === 403);
        this.#handlers.onState(isRefused ? "refused" : "broken", error);
        if (isRefused) return;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  async #read(reader) {
    const decoder = new TextDecoder();
    let unread = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      unread += decoder.decode(value, { stream: true });
      const events = unread.split("\n\n");
      unread = events.pop();
      for (const event of events) this.#dispatch(event);
    }
  }

  #dispatch(event) {
    const name = /^event: (.*)$/m.exec(event);
    const data = /^data: (.*)$/m.exec(event);
    if (name && data && !this.#abort.signal.aborted)
      this.#handlers.onEvent(name[1], JSON.parse(data[1]));
  }
}
