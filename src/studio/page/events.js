// The events of training, each exactly once and in order, in any number of tabs.
//
// A browser opens at most six connections to one server, and an event stream keeps one busy. So one tab
// holds the stream (it has the lock) and passes every message on by a BroadcastChannel; when it closes, the
// lock goes to the next. Every tab first polls for what it missed. Messages carry `boot-n`: n is the number
// of their last event, so a repeat is seen and dropped, and a gap is seen and filled by polling. A first event
// "reset" says that what follows is all there is: the server forgot the rest, or is another one. Of a long run, "gap" says
// where events are left out: its folder has them.

import { get } from "./api.js";

const LOCK = "pawgrad-events";
const RETRY_MS = 2000;
/** A tab that has heard nothing for so long asks: a stream can die without a word, and so can the tab that holds it. */
const SILENCE_MS = 8000;

function parseId(id) {
  const [, boot, n] = /^(.*?)-(-?\d+)$/.exec(id) ?? [null, id, "-1"];
  return { boot, n: Number(n) };
}

export class EventFeed {
  #boot = null;
  #last = -1;
  #work = Promise.resolve();
  #channel = null;
  #heard = 0;

  /** `onEvents(list)`; `onReset()`: the server is another one, forget everything; `onConnection(isUp)`. */
  constructor({ onEvents, onReset, onConnection }) {
    Object.assign(this, { onEvents, onReset, onConnection });
  }

  /** Resolves when the log so far has been handled. */
  async start() {
    while (!(await this.#catchUp())) await new Promise((done) => setTimeout(done, RETRY_MS));
    setInterval(() => {
      if (Date.now() - this.#heard > SILENCE_MS) this.#catchUp();
    }, RETRY_MS);
    if (!navigator.locks || !window.BroadcastChannel) return this.#openStream();
    this.#channel = new BroadcastChannel(LOCK);
    this.#channel.onmessage = ({ data }) => {
      if (data.events) this.#receive(data);
      this.onConnection(data.isUp);
    };
    navigator.locks.request(LOCK, () => {
      this.#openStream();
      return new Promise(() => {}); // never given back: the browser does that when the tab goes
    });
  }

  #openStream() {
    const stream = new EventSource(`/api/events?after=${encodeURIComponent(this.#id())}`);
    stream.onopen = () => {
      this.#notify({ isUp: true });
      this.#catchUp(); // another server may have nothing to say, and so not that it is another one
    };
    stream.onmessage = ({ lastEventId, data }) => {
      const message = { id: lastEventId, events: JSON.parse(data), isUp: true };
      this.#channel?.postMessage(message);
      this.#receive(message);
    };
    stream.onerror = () => {
      // The browser tries again by itself.
      if (stream.readyState !== EventSource.CLOSED) return this.#notify({ isUp: false });
      stream.close();
      this.#catchUp(); // it was refused: this says why, and works where there are only too many streams
      setTimeout(() => this.#openStream(), RETRY_MS);
    };
  }

  #notify(state) {
    this.#channel?.postMessage(state);
    this.onConnection(state.isUp);
  }

  #id() {
    return this.#boot === null ? "" : `${this.#boot}-${this.#last}`;
  }

  /** One message after the other, also while a poll is under way. */
  #receive(message) {
    this.#heard = Date.now();
    return this.#inOrder(() => this.#take(message));
  }

  #catchUp() {
    return this.#inOrder(() => this.#poll());
  }

  #inOrder(act) {
    const result = this.#work.then(act);
    this.#work = result.catch((why) => console.error(why));
    return result;
  }

  async #take({ id, events }) {
    const { boot, n } = parseId(id);
    const isReset = events[0]?.type === "reset";
    const first = n - events.length + 1;
    const isNext = this.#boot === null || (boot === this.#boot && first <= this.#last + 1);
    if (!isReset && !isNext) return this.#poll();
    if (isReset && boot === this.#boot && n <= this.#last) return true;
    this.#handle(boot, n, events, isReset);
    return true;
  }

  async #poll() {
    try {
      const { id, events, more } = await get(`/api/events/poll?after=${encodeURIComponent(this.#id())}`);
      const { boot, n } = parseId(id);
      this.#heard = Date.now();
      this.#handle(boot, n, events, events[0]?.type === "reset");
      this.onConnection(true);
      return more ? this.#poll() : true;
    } catch (why) {
      if (why.status === undefined) throw why; // a mistake in this page, not in the connection
      this.onConnection(false, why.isStranger);
      return false;
    }
  }

  #handle(boot, n, events, isReset) {
    const isFirst = this.#boot === null;
    const isOtherServer = !isFirst && boot !== this.#boot;
    let fresh = events;
    if (isReset) fresh = events.slice(1);
    else if (!isFirst) fresh = events.slice(Math.max(0, this.#last + 1 - (n - events.length + 1)));
    this.#boot = boot;
    this.#last = isReset || isFirst ? n : Math.max(n, this.#last);
    if (isOtherServer) this.onReset();
    if (fresh.length) this.onEvents(fresh);
  }
}
