// @ts-check
/** The list of clinicians: one live line for all, the next free time of each kept true without a word. */

import { Calendar, Live, put } from "./live.js";
import { Words, Zone } from "./words.js";

const DAY_SECONDS = 86_400;

/**
 * "Next free: today, 11:00" for the earliest of the starts; other words when there is none.
 * @param {Words} words @param {Zone} zone @param {number} now @param {number[]} starts
 */
function nextFree(words, zone, now, starts) {
  if (!starts.length) return words.say("none");
  const start = Math.min(...starts);
  const date = zone.date(start);
  const day = date === zone.date(now) ? words.say("today")
    : date === zone.date(now + DAY_SECONDS) ? words.say("tomorrow")
    : zone.dayShort(start);
  return words.say("next", { when: words.say("when", { day, time: zone.clock(start) }) });
}

function begin() {
  const main = /** @type {HTMLElement} */ (document.querySelector("main[data-page=start]"));
  const line = main.querySelector("[data-live]");
  const element = document.getElementById("words");
  if (!line || !element) return;
  const words = new Words(element);
  const zone = new Zone(main.dataset.timezone ?? "UTC");
  const live = new Live(line, words, () => zone, Number(main.dataset.now));
  for (const row of /** @type {NodeListOf<HTMLElement>} */ (main.querySelectorAll("[data-calendar]"))) {
    const own = new Zone(row.dataset.timezone ?? zone.name);
    const next = /** @type {HTMLElement} */ (row.querySelector("[data-next]"));
    const calendar = new Calendar(row.dataset.calendar ?? "", row.dataset.visitType ?? "", () => {
      put(next, nextFree(words, own, live.now, [...calendar.open]));
      next.classList.toggle("row__next--none", !calendar.open.size);
    });
    live.add(calendar);
  }
  live.start();
}

begin();
