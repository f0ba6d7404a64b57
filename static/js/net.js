// @ts-check
/** A WebSocket that comes back: with growing, jittered pauses, at once when the network returns. */

const FIRST_MS = 500, LONGEST_MS = 30_000;
const STEADY_MS = 10_000; // a connection that lasted this long starts the pauses anew
const ANSWER_MS = 10_000; // silence after a question means that the line is dead

/** @typedef {"connecting" | "open" | "waiting" | "closed"} LineState */

export class Line {
  /**
   * @param {string} path
   * @param {{ opened: () => void, frame: (frame: any) => void, changed: (state: LineState) => void }} on
   */
  constructor(path, on) {
    this.url = new URL(path, location.href);
    this.url.protocol = this.url.protocol === "https:" ? "wss:" : "ws:";
    this.on = on;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {LineState} */
    this.state = "closed";
    this.tries = 0;
    this.openedAt = 0;
    this.retry = 0;
    this.answer = 0;
    addEventListener("online", () => { if (this.state === "waiting") this.connect(); });
  }

  /** Connect, now and after every loss, until `close`. */
  open() { if (this.state === "closed") this.connect(); }

  /** Stop on purpose. */
  close() {
    this.drop();
    this.become("closed");
  }

  /** Give the connection up and take a new one: for when it is known to be dead. */
  renew() {
    if (this.state === "closed") return;
    this.drop();
    this.connect();
  }

  send(message) { if (this.state === "open") this.socket?.send(JSON.stringify(message)); }

  /** Send what must be answered; silence means that the line is dead. */
  ask(message) {
    this.send(message);
    this.answer ||= setTimeout(() => this.renew(), ANSWER_MS);
  }

  connect() {
    clearTimeout(this.retry);
    this.become("connecting");
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => {
      this.openedAt = performance.now();
      this.become("open");
      this.on.opened();
    };
    socket.onmessage = ({ data }) => {
      clearTimeout(this.answer);
      this.answer = 0;
      this.on.frame(JSON.parse(data));
    };
    socket.onclose = () => this.lost();
  }

  lost() {
    if (this.openedAt && performance.now() - this.openedAt > STEADY_MS) this.tries = 0;
    this.drop();
    const pause = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.tries++);
    this.retry = setTimeout(() => this.connect(), pause * (0.5 + Math.random()));
    this.become("waiting");
  }

  drop() {
    clearTimeout(this.retry);
    clearTimeout(this.answer);
    this.answer = this.openedAt = 0;
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  become(state) {
    this.state = state;
    this.on.changed(state);
  }
}
