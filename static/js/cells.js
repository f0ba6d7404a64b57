// @ts-check
/** The cells of one day: which face each shows, what it is called, where it stands, how keys move on. */

import { put } from "./live.js";

const PARTS = ["morning", "afternoon", "evening"];

const all = (root, selector) => [...root.querySelectorAll(selector)];

export class Cells {
  /** `template` is an empty cell, for starts that the server did not send. */
  constructor(form, template, words) {
    this.form = form;
    this.template = template;
    this.words = words;
    /** @type {Map<number, HTMLElement>} */
    this.byStart = new Map();
    if (!form) return;
    for (const cell of all(form, "li[data-start]")) this.byStart.set(Number(cell.dataset.start), cell);
    form.addEventListener("keydown", (event) => this.move(event));
  }

  /** The button of a cell. */
  button(cell) { return cell.querySelector("[data-face=open]"); }

  start(cell) { return Number(cell.dataset.start); }

  /** Show one face. `word` stands under a time that cannot be had. */
  turn(cell, face, word) {
    cell.dataset.state = face;
    cell.classList.remove("is-new");
    for (const one of all(cell, "[data-face]")) one.hidden = one.dataset.face !== face;
    for (const one of all(cell, "[data-new]")) one.hidden = true;
    this.button(cell).removeAttribute("aria-disabled");
    if (word) put(cell.querySelector("[data-word]"), word);
  }

  /** Mark as just shown. */
  markNew(cell) {
    cell.classList.add("is-new");
    for (const one of all(cell, "[data-new]")) one.hidden = false;
  }

  /** A cell for a start that the server did not send. */
  make(start) {
    const cell = this.template.content.querySelector("li").cloneNode(true);
    cell.dataset.start = String(start);
    this.button(cell).value = String(start);
    this.byStart.set(start, cell);
    return cell;
  }

  /** The cells that can be had now. */
  get free() {
    return [...this.byStart.values()].filter((cell) => cell.dataset.state === "open" && !this.isDisabled(cell));
  }

  isDisabled(cell) { return this.button(cell).getAttribute("aria-disabled") === "true"; }

  /** Put every cell where it belongs in a zone, and name it so. */
  arrange(zone, day) {
    const ordered = [...this.byStart.values()].sort((a, b) => this.start(a) - this.start(b));
    /** @type {Map<string, HTMLElement[]>} */
    const groups = new Map();
    for (const cell of ordered) {
      const start = this.start(cell);
      this.name(cell, zone);
      const key = `${zone.date(start)} ${PARTS.indexOf(zone.part(start))}`;
      groups.set(key, [...(groups.get(key) ?? []), cell]);
    }
    const sections = all(this.form, "[data-group]");
    [...groups].forEach(([key, cells], index) => {
      const section = sections[index] ?? this.addSection(sections[0], index);
      this.title(section, zone, this.start(cells[0]), key.startsWith(day));
      const list = section.querySelector("ul");
      const stands = cells.length === list.children.length && cells.every((cell, at) => list.children[at] === cell);
      if (!stands) list.replaceChildren(...cells);
      section.hidden = false;
    });
    for (const section of sections.slice(groups.size)) section.hidden = true;
  }

  addSection(model, index) {
    const section = model.cloneNode(true);
    const id = `group-${index}`;
    section.setAttribute("aria-labelledby", id);
    section.querySelector("h3").id = id;
    this.form.append(section);
    return section;
  }

  title(section, zone, start, sameDay) {
    const group = this.words.say(zone.part(start));
    section.dataset.group = zone.part(start);
    put(section.querySelector("h3"), sameDay ? group : this.words.say("dated", { group, day: zone.dayLong(start) }));
  }

  name(cell, zone) {
    const start = this.start(cell);
    for (const one of all(cell, "[data-label]")) put(one, zone.clock(start));
    const fold = zone.fold(start);
    for (const one of all(cell, "[data-fold]")) {
      put(one, fold ? this.words.say(`fold-${fold}`) : "");
      one.hidden = !fold;
    }
    put(cell.querySelector("[data-suffix]"), this.words.say("suffix", { day: zone.dayLong(start) }));
  }

  /** A time in a sentence; a repeated hour says which. */
  label(start, zone) {
    const fold = zone.fold(start), time = zone.clock(start);
    return fold ? this.words.say("label-fold", { time, fold: this.words.say(`fold-${fold}`) }) : time;
  }

  /** Counts beside the headings of the groups. */
  count() {
    for (const section of all(this.form, "[data-group]")) {
      const n = all(section, "li[data-state=open]").filter((cell) => !this.isDisabled(cell)).length;
      put(section.querySelector("[data-count]"), this.words.count("few", n));
    }
  }

  /** Arrow keys, Home and End move between times; Tab goes on as ever. */
  move(event) {
    const from = event.target.closest("li[data-start]");
    if (!from || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const buttons = all(this.form, "[data-face=open]:not([hidden])");
    const at = buttons.indexOf(this.button(from));
    const last = buttons.length - 1;
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    buttons[to]?.focus();
  }
}
