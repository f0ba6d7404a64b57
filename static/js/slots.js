// @ts-check
/** The times of one day, live: a change never moves what is under the finger, and is told once, calmly. */

import { Cells } from "./cells.js";
import { Calendar, Live, put } from "./live.js";
import { polite, soon } from "./say.js";
import { Words, Zone } from "./words.js";

const JUST_CHANGED_MS = 400; // a press this soon after a change was meant for what stood there before
const QUIET_MS = 10_000; // a list untouched this long may grow below the fold
const MOST_COUNTED = 9;

const find = (selector) => document.querySelector(selector);

export class Day {
  /** @param {HTMLElement} main */
  constructor(main) {
    this.main = main;
    this.words = new Words(find("#words"));
    this.date = main.dataset.day ?? "";
    this.clinicZone = new Zone(main.dataset.timezone ?? "UTC");
    this.zone = this.clinicZone;
    this.live = new Live(find("[data-live]"), this.words, () => this.zone, Number(main.dataset.now));
    this.calendar = new Calendar(main.dataset.calendar ?? "", main.dataset.visitType ?? "", (news) => this.take(news));
    this.live.add(this.calendar);
    this.newTimes = find("[data-newtimes]");
    /** Freed starts that wait for "Show". @type {Set<number>} */
    this.queue = new Set();
    /** Starts lost since the last message. @type {Set<number>} */
    this.lost = new Set();
    this.freed = false;
    /** What a cell becomes once nobody is on it. @type {Map<HTMLElement, { face: "held" | "taken", word: string }>} */
    this.later = new Map();
    this.changedAt = new WeakMap();
    this.pressed = null;
    this.touchedAt = performance.now();
    this.catchingUp = true; // the first news after loading or coming back only make the page what it should be
    this.sending = false;
    const form = find("form[data-times]");
    /** A page without any free time has no cells. */
    this.cells = new Cells(form, find("template[data-cell]"), this.words);
    if (form) this.listen(form);
  }

  begin() {
    this.chooseZone();
    const on = find(".day.on"), strip = find("[data-days]");
    if (on?.offsetLeft + on?.offsetWidth > strip?.clientWidth) strip.scrollLeft = on.offsetLeft - strip.clientWidth / 2;
    this.live.start();
  }

  take(news) {
    if (!this.cells.form) return this.countEmpty();
    const changed = news.all ? this.differences() : news.changed;
    this.wasEmpty = !this.cells.free.length && !this.queue.size;
    for (const [start, state] of changed) {
      if (this.clinicZone.date(start) !== this.date) continue;
      if (state === "open") this.free(start);
      else this.lose(start, state, news.byTime);
    }
    if (this.catchingUp) this.lost.clear();
    this.catchingUp = false;
    this.count();
    if (this.lost.size || this.freed) soon("times", () => this.sentence());
  }

  /** A snapshot as changes: what it says of every start that is shown or could be. */
  differences() {
    const changed = new Map();
    for (const start of [...this.cells.byStart.keys(), ...this.queue]) changed.set(start, "gone");
    for (const start of this.calendar.held) changed.set(start, "held");
    for (const start of this.calendar.open) changed.set(start, "open");
    return changed;
  }

  lose(start, state, byTime) {
    this.queue.delete(start);
    const { cells } = this;
    const cell = cells.byStart.get(start);
    if (!cell) return;
    const face = state === "held" ? "held" : "taken";
    const word = this.words.say(byTime ? "closed" : "taken");
    if (cell.dataset.state !== "open") {
      if (cell.dataset.state !== face) this.turn(cell, face, word);
    } else if (this.isBusy(cell)) {
      if (!this.later.has(cell)) {
        const button = cells.button(cell);
        button.setAttribute("aria-disabled", "true");
        button.dataset.word = word;
        this.changedAt.set(cell, performance.now());
        polite(this.words.say(byTime ? "focused-closed" : "focused", { time: cells.label(start, this.zone) }));
      }
      this.later.set(cell, { face, word });
    } else {
      this.turn(cell, face, word);
      this.lost.add(start);
    }
  }

  free(start) {
    const { cells } = this;
    const cell = cells.byStart.get(start);
    this.lost.delete(start);
    if (cell?.dataset.state === "open") {
      if (this.later.delete(cell)) {
        cells.button(cell).removeAttribute("aria-disabled");
        this.changedAt.set(cell, performance.now());
      }
    } else if (this.mayShow(cell)) {
      this.reveal(start);
    } else if (!this.queue.has(start)) {
      this.queue.add(start);
      this.freed = true;
    }
  }

  /** Whether a freed time may appear unasked: nobody can be about to press. */
  mayShow(cell) {
    const { cells } = this;
    const now = performance.now();
    if (document.hidden || this.catchingUp || this.wasEmpty) return true;
    if (now - this.touchedAt < QUIET_MS || cells.form.contains(document.activeElement)) return false;
    return (cell ?? cells.form.lastElementChild ?? cells.form).getBoundingClientRect().top > innerHeight;
  }

  reveal(start) {
    const { cells } = this;
    const known = cells.byStart.get(start);
    const cell = known ?? cells.make(start);
    this.turn(cell, "open");
    if (!known) cells.arrange(this.zone, this.date);
    return cell;
  }

  turn(cell, face, word) {
    this.changedAt.set(cell, performance.now());
    this.cells.turn(cell, face, word);
  }

  /** The visitor asked for the new times. */
  showNew() {
    if (this.changedLately(this.newTimes)) return;
    for (const cell of this.cells.byStart.values()) if (cell.classList.contains("is-new")) this.cells.turn(cell, "open");
    const shown = [...this.queue].sort((a, b) => a - b).map((start) => this.reveal(start));
    this.queue.clear();
    for (const cell of shown) this.cells.markNew(cell);
    this.count();
    if (shown[0]) this.cells.button(shown[0]).focus();
  }

  /** Every number of the page: the day's, the groups', the strip's, the waiting ones'. */
  count() {
    const { cells } = this;
    const free = cells.free.length;
    put(find("[data-free]"), free ? this.words.count("free", free) : this.words.say("no-free"));
    cells.count();
    this.countDays(free);
    this.offerNew(this.queue.size);
    const next = find("[data-next]"), link = next.querySelector("a");
    const first = this.nextFree();
    next.hidden = free > 0 || first === undefined;
    if (next.hidden || first === undefined) return;
    put(link, this.words.say("next", { day: this.zone.dayLong(first), time: this.zone.clock(first) }));
    const query = new URLSearchParams(location.search);
    query.set("day", this.clinicZone.date(first));
    link.href = `?${query}`;
  }

  /** The first free start of another day: after this one, else before it. */
  nextFree() {
    const others = [...this.calendar.open].filter((start) => this.clinicZone.date(start) !== this.date).sort((a, b) => a - b);
    return others.find((start) => this.clinicZone.date(start) > this.date) ?? others[0];
  }

  countDays(shown) {
    const counts = new Map();
    for (const start of this.calendar.open) {
      const date = this.clinicZone.date(start);
      counts.set(date, (counts.get(date) ?? 0) + 1);
    }
    for (const tile of document.querySelectorAll(".day[data-date]")) {
      const date = tile.getAttribute("data-date") ?? "";
      const n = date === this.date ? shown : counts.get(date) ?? 0;
      tile.className = tile.className.replace(/day--\d/, `day--${Math.min(n, MOST_COUNTED)}`);
      const text = n > MOST_COUNTED ? this.words.say("many") : n ? this.words.count("few", n) : this.words.say("full");
      put(tile.querySelector("small"), text);
    }
  }

  /** A page without times only says that some have come. */
  countEmpty() {
    this.countDays(0);
    this.offerNew(this.calendar.open.size);
    if (this.calendar.open.size) soon("times", () => this.words.count("show", this.calendar.open.size));
  }

  offerNew(n) {
    if (this.newTimes.hidden && n) this.changedAt.set(this.newTimes, performance.now());
    this.newTimes.hidden = n === 0;
    document.body.classList.toggle("has-new", n > 0);
    if (n) put(this.newTimes.querySelector("span"), this.words.count("show", n));
  }

  /** What happened since the last message, as it stands now. */
  sentence() {
    const lost = [...this.lost], freed = this.freed && this.queue.size;
    this.lost.clear();
    this.freed = false;
    const day = find("[data-heading]").textContent;
    const sentences = [];
    if (lost.length) {
      const left = this.cells.free.length;
      if (!left) sentences.push(this.noneLeft(day));
      else {
        const time = this.cells.label(lost[0], this.zone);
        sentences.push(lost.length === 1 ? this.words.say("gone", { time }) : this.words.count("taken", lost.length));
        sentences.push(this.words.count("left", left, { day }));
      }
    }
    if (freed) sentences.push(this.words.count("freed", freed, { day }));
    return sentences.join(" ");
  }

  noneLeft(day) {
    const first = this.nextFree();
    const none = this.words.say("none-left", { day });
    if (first === undefined) return none;
    return `${none} ${this.words.say("next", { day: this.zone.dayLong(first), time: this.zone.clock(first) })}`;
  }

  listen(form) {
    const touched = () => { this.touchedAt = performance.now(); };
    for (const name of ["pointermove", "pointerdown", "focusin", "keydown"]) form.addEventListener(name, touched);
    form.addEventListener("pointerdown", (event) => { this.pressed = cellOf(event); });
    for (const name of ["pointerup", "pointercancel"]) {
      // The click follows the release: until then the press still counts.
      addEventListener(name, () => setTimeout(() => { this.pressed = null; this.settle(); }));
    }
    form.addEventListener("focusout", () => setTimeout(() => this.settle()));
    form.addEventListener("click", (event) => this.guard(event));
    form.addEventListener("submit", (event) => this.submit(event));
    this.newTimes.addEventListener("click", () => this.showNew());
    addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      // Back after a press: the server knows what is held now, and says so.
      if (this.sending) location.reload();
      this.catchingUp = true;
    });
  }

  /** Nothing is sent for a time that is gone or that changed under the finger. */
  guard(event) {
    const cell = cellOf(event);
    if (!cell) return;
    const later = this.later.get(cell);
    if (later) {
      event.preventDefault();
      polite(this.words.say("focused", { time: this.cells.label(this.cells.start(cell), this.zone) }));
    } else if (this.changedLately(cell)) {
      event.preventDefault();
      polite(this.words.say("changed"));
    }
  }

  changedLately(element) {
    return element !== null && performance.now() - (this.changedAt.get(element) ?? -Infinity) < JUST_CHANGED_MS;
  }

  /** One press, one request; and an honest word when there is no network. */
  submit(event) {
    const unreachable = find("[data-unreachable]");
    if (!navigator.onLine) {
      event.preventDefault();
      unreachable.hidden = false;
      unreachable.scrollIntoView({ block: "nearest" });
      polite(this.words.say("unreachable"));
    } else if (this.sending) {
      event.preventDefault();
    } else {
      this.sending = true;
      unreachable.hidden = true;
    }
  }

  isBusy(cell) { return this.pressed === cell || cell.contains(document.activeElement); }

  /** Turn the cells that nobody is on any more. */
  settle() {
    for (const [cell, { face, word }] of this.later) {
      if (this.isBusy(cell)) continue;
      this.later.delete(cell);
      this.turn(cell, face, word);
    }
  }

  /** A visit by video or phone is shown in the visitor's own time where that differs on this day. */
  async chooseZone() {
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const start = this.cells.byStart.keys().next().value;
    if (!own || start === undefined || this.main.dataset.way === "clinic") return;
    const zone = new Zone(own);
    if (zone.offset(start) === this.clinicZone.offset(start)) return;
    const { offer } = await import("./zone.js");
    offer(this, zone, start);
  }
}

function cellOf(event) {
  return event.target instanceof Element ? event.target.closest("li[data-start]") : null;
}

const main = find("main[data-page=times]");
if (main) new Day(main).begin();
