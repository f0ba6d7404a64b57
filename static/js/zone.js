// @ts-check
/** The visitor's own time instead of the clinic's. Loaded only where the two differ on the day shown. */

import { put } from "./live.js";

const CLINIC_TIME = "clinic-time"; // remembers that the visitor asked for the clinic's time

/**
 * Show the visitor's time, and the choice.
 * @param {import("./slots.js").Day} day @param {import("./words.js").Zone} own @param {number} start any start of the day
 */
export function offer(day, own, start) {
  const { main, words, clinicZone: clinic } = day;
  const sentence = main.querySelector("[data-zone]");
  const toggle = /** @type {HTMLElement | null} */ (main.querySelector("[data-zone-toggle]"));
  if (!sentence || !toggle) return;
  const clinicSentence = sentence.textContent ?? "";

  const show = () => {
    const isOwn = sessionStorage.getItem(CLINIC_TIME) !== "1";
    day.zone = isOwn ? own : clinic;
    put(sentence, isOwn ? ownSentence(words, clinic, own, start) : clinicSentence);
    put(toggle, words.say(isOwn ? "show-clinic" : "show-yours"));
    day.cells?.arrange(day.zone, day.date);
    day.cells?.count();
    for (const time of /** @type {NodeListOf<HTMLElement>} */ (main.querySelectorAll("[data-clock]"))) {
      const at = Number(time.dataset.clock), clock = day.zone.clock(at);
      const dated = "dated" in time.dataset || day.zone.date(at) !== day.date;
      put(time, dated ? words.say("when", { day: day.zone.dayShort(at), time: clock }) : clock);
    }
    day.live.show();
  };

  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    sessionStorage.setItem(CLINIC_TIME, day.zone === own ? "1" : "0");
    show();
  });
  show();
}

/**
 * Whose time it is, and how far the clinic's is from it.
 * @param {import("./words.js").Words} words @param {import("./words.js").Zone} clinic
 * @param {import("./words.js").Zone} own @param {number} start
 */
function ownSentence(words, clinic, own, start) {
  const minutes = clinic.offset(start) - own.offset(start);
  const { lang } = document.documentElement;
  const hours = new Intl.NumberFormat(lang, { style: "unit", unit: "hour", unitDisplay: "long" });
  const other = words.say(minutes > 0 ? "ahead" : "behind", { difference: hours.format(Math.abs(minutes) / 60) });
  return `${words.say("yours", { city: cityOf(own.name) })} ${other}`;
}

/** "New York" from America/New_York: Intl knows no names of cities. @param {string} zone */
function cityOf(zone) {
  return zone.slice(zone.lastIndexOf("/") + 1).replaceAll("_", " ");
}
