// @ts-check
/** Watches calendars over one line and keeps the page's live line honest. */

import { Line } from "./net.js";
import { polite } from "./say.js";

const GRACE_MS = 5000; // an outage shorter than this is nobody's business
const CHECK_MS = 60_000; // a quiet line is asked, so that "checked" is true
const ASLEEP_MS = 30_000; // hidden for longer, a connection may be dead
const BURST = 8, BURST_MS = 1000; // a long list is watched in portions: messages are limited
const PAUSED = "live-paused";

/** @typedef {{ all: boolean, changed: Map<number, "open" | "held" | "gone">, byTime: boolean }} News */

/** The open and held starts of one calendar, folded from its frames by (epoch, prev, seq). */
export class Calendar {
  /** @param {string} id @param {string} visitType "" for none @param {(news: News) => void} changed */
  constructor(id, visitType, changed) {
    this.id = id;
    this.visitType = visitType;
    this.changed = changed;
    /** @type {string | null} */
    this.epoch = null;
    this.seq = -1;
    /** @type {Set<number>} */
    this.open = new Set();
    /** @type {Set<number>} */
    this.held = new Set();
  }

  /** What to send to begin, or to go on where we are. */
  get watch() {
    const since = this.epoch === null ? {} : { since: { epoch: this.epoch, seq: this.seq } };
    return { op: "watch", calendar: this.id, ...(this.visitType && { visit_type: this.visitType }), ...since };
  }

  /** Take a frame. False: we missed something, watch again. */
  take(frame) {
    if (frame.op === "snapshot") {
      this.epoch = frame.epoch;
      this.seq = frame.seq;
      this.open = new Set(frame.open);
      this.held = new Set(frame.held);
      this.changed({ all: true, changed: new Map(), byTime: false });
      return true;
    }
    if (frame.op !== "slots" || this.epoch === null) return true;
    if (frame.epoch !== this.epoch) {
      this.epoch = null;
      return false;
    }
    if (frame.seq < this.seq) return true;
    if (frame.prev > this.seq) return false;
    /** @type {News["changed"]} */
    const changed = new Map();
    for (const state of /** @type {const} */ (["open", "held", "gone"])) {
      for (const start of frame[state]) {
        this.open.delete(start);
        this.held.delete(start);
        if (state !== "gone") this[state].add(start);
        changed.set(start, state);
      }
    }
    this.seq = frame.seq;
    this.changed({ all: false, changed, byTime: frame.prev === frame.seq });
    return true;
  }
}

/** The live line: one dot, its words, the pause switch; and the calendars behind it. */
export class Live {
  /**
   * @param {any} element the live line
   * @param {import("./words.js").Words} words
   * @param {() => import("./words.js").Zone} zone the zone shown now
   * @param {number} nowMs the server's clock
   */
  constructor(element, words, zone, nowMs) {
    this.element = element;
    this.words = words;
    this.zone = zone;
    this.ahead = nowMs - Date.now();
    this.checkedMs = nowMs;
    /** @type {Map<string, Calendar>} */
    this.calendars = new Map();
    this.text = element.querySelector("[data-live-text]");
    this.toggle = element.querySelector("[data-live-toggle]");
    this.refresh = element.querySelector("[data-live-refresh]");
    this.toldStopped = false;
    this.grace = 0;
    this.hiddenAt = 0;
    this.again = new Set();
    this.refused = false;
    this.portion = 0;
    this.line = new Line("/live", {
      opened: () => this.watchAll(),
      frame: (frame) => this.frame(frame),
      changed: () => this.show(),
    });
    this.listen();
  }

  /** The server's clock, in Unix seconds. */
  get now() { return (Date.now() + this.ahead) / 1000; }

  get paused() { return sessionStorage.getItem(PAUSED) === "1"; }

  add(calendar) { this.calendars.set(`${calendar.id} ${calendar.visitType}`, calendar); }

  /** Begin, unless the visitor paused. */
  start() {
    this.toggle.hidden = false;
    if (this.paused) this.show();
    else this.line.open();
  }

  listen() {
    this.toggle.addEventListener("click", () => this.pause(!this.paused));
    addEventListener("online", () => this.show());
    addEventListener("offline", () => this.show());
    // A page in the back-forward cache must hold no socket; when it comes back it catches up.
    addEventListener("pagehide", () => this.line.close());
    addEventListener("pageshow", (event) => { if (event.persisted) this.start(); });
    document.addEventListener("visibilitychange", () => this.wake());
    setInterval(() => this.check(), CHECK_MS);
  }

  pause(on) {
    sessionStorage.setItem(PAUSED, on ? "1" : "0");
    if (on) this.line.close();
    else this.line.open();
    this.show();
  }

  wake() {
    const slept = Date.now() - this.hiddenAt;
    if (document.hidden) this.hiddenAt = Date.now();
    else if (slept > ASLEEP_MS && this.line.state === "open") this.check();
  }

  /** Ask for what is new: the answer proves that the line is alive. */
  check() {
    const [calendar] = this.calendars.values();
    if (!document.hidden && calendar && this.line.state === "open") this.line.ask(calendar.watch);
  }

  watchAll() {
    this.again.clear();
    clearTimeout(this.portion);
    const waiting = [...this.calendars.values()];
    const next = () => {
      for (const calendar of waiting.splice(0, BURST)) this.line.ask(calendar.watch);
      if (waiting.length && this.line.state === "open") this.portion = setTimeout(next, BURST_MS);
    };
    next();
  }

  /** The calendar that a frame is about. */
  calendarOf(frame) {
    const exact = this.calendars.get(`${frame.calendar} ${frame.visit_type ?? ""}`);
    if (exact || frame.visit_type !== undefined) return exact;
    return [...this.calendars.values()].find(({ id }) => id === frame.calendar);
  }

  frame(frame) {
    if (frame.op === "error" && frame.re === "watch")
      return frame.reason === "unavailable" ? this.line.lost() : this.giveUp();
    const calendar = this.calendarOf(frame);
    if (!calendar) return;
    if (frame.now) this.ahead = (frame.now > 1e12 ? frame.now : frame.now * 1000) - Date.now();
    if (calendar.take(frame)) {
      if (frame.op !== "slots") this.again.delete(calendar);
    } else if (!this.again.has(calendar)) {
      this.again.add(calendar);
      this.line.ask(calendar.watch);
    }
    this.checkedMs = this.now * 1000;
    this.back();
    this.show();
  }

  /** The server will not let us watch: say so by not claiming to be live. */
  giveUp() {
    this.refused = true;
    this.line.close();
  }

  back() {
    clearTimeout(this.grace);
    this.grace = 0;
    if (this.toldStopped) polite(this.words.say("back"));
    this.toldStopped = false;
  }

  /** Paint the state, and begin to worry when it is a bad one. */
  show() {
    const { state } = this.line;
    const offline = !navigator.onLine;
    const live = state === "open" && !offline;
    if (!live && !this.paused && state !== "closed") {
      this.grace ||= setTimeout(() => this.stopped(), GRACE_MS);
    } else if (this.paused) {
      clearTimeout(this.grace);
      this.grace = 0;
      this.toldStopped = false;
    }
    const first = state === "connecting" && this.element.dataset.live === "checked" && !offline || this.refused;
    const name = this.paused ? "paused" : live ? "live" : offline ? "offline" : first ? "checked" : "reconnecting";
    this.element.dataset.live = name;
    put(this.text, this.words.say(name, { time: this.zone().clock(this.checkedMs / 1000) }));
    this.toggle.setAttribute("aria-pressed", String(this.paused));
    this.refresh.hidden = !this.paused && !this.refused;
    this.toggle.hidden = this.refused;
  }

  stopped() {
    this.grace = 0;
    if (this.line.state === "open" && navigator.onLine) return;
    this.toldStopped = true;
    polite(this.words.say("stopped"));
  }
}

/** Change a text only when it changes. */
export function put(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
