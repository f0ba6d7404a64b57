/** A held time on its page: the countdown, its warnings, Keep longer in place, and what is offered once it has ended. */
import { assertive, polite } from "./say.js";
import { Words } from "./words.js";
import { isLeaving, watchForm } from "./confirm.js";
import "./yours.js";

const LOW_SECONDS = 120; // holding.py knows the same
const WARN_MINUTES = [5, 2, 1];
const AGAIN_MS = 500; // the server's clock decides; until it agrees that the time is over, it is asked again

const band = document.querySelector("[data-hold]");
const form = document.querySelector("#details");
const words = new Words(band);
const one = (name) => document.querySelector(`[data-${name}]`);
const all = (name) => document.querySelectorAll(`[data-${name}]`);
const url = (path) => `/hold/${band.dataset.hold}${path}`;

let expiresAt = Number(band.dataset.expires);
let ahead = Number(band.dataset.now) - (performance.getEntriesByType("navigation")[0]?.responseStart ?? performance.now());
let over = band.dataset.state !== "held";
let asking = false;
let timer = 0;
const warned = new Set();

const now = () => performance.now() + ahead; // the server's clock, carried on by one that nobody sets
const secondsLeft = () => Math.max(0, expiresAt - now() / 1000);
const minutesLeft = () => Math.ceil(Math.floor(secondsLeft()) / 60);

watchForm(form, words, () => over);
if (!over) {
  WARN_MINUTES.filter((minutes) => secondsLeft() < minutes * 60).forEach((minutes) => warned.add(minutes));
  one("keep")?.addEventListener("click", keep);
  addEventListener("pageshow", (event) => event.persisted && ask());
  addEventListener("online", ask);
  document.addEventListener("visibilitychange", () => document.hidden || ask());
  tick();
}

function tick() {
  clearTimeout(timer);
  if (over) return;
  show();
  warn();
  const left = secondsLeft();
  if (left > 0) timer = setTimeout(tick, (left % 1 || 1) * 1000);
  else void ask().then((reached) => (reached ? (timer = setTimeout(tick, AGAIN_MS)) : end({})));
}

function show() {
  const left = secondsLeft();
  const [count, unit] = left > LOW_SECONDS ? [minutesLeft(), "minute"] : [null, null];
  const duration = unit ? spoken(count, unit) : digits(Math.ceil(left));
  put(one("timer"), words.say("left", { duration }));
  one("tide").setAttribute("width", `${Math.min(100, (100 * stepped(left)) / Number(band.dataset.holdSeconds)).toFixed(2)}%`);
  band.classList.toggle("hold--low", left <= LOW_SECONDS);
  reveal(one("warning"), left > 0 && left <= LOW_SECONDS, warning(Math.max(1, minutesLeft())));
}

// Spoken when exactly that much is left, never late: a warning that is no longer true is worse than none.
function warn() {
  const minutes = minutesLeft();
  if (!WARN_MINUTES.includes(minutes) || warned.has(minutes)) return;
  warned.add(minutes);
  polite(warning(minutes));
}

function warning(minutes) {
  const more = Number(band.dataset.extensionsLeft) > 0 ? ` ${words.say("keep")}` : "";
  return words.say(`warning-${minutes}`) + more;
}

async function keep(event) {
  event.preventDefault();
  if (asking || isLeaving() || event.currentTarget.getAttribute("aria-disabled")) return;
  asking = true;
  try {
    const body = new URLSearchParams(new FormData(form));
    adopt(await answer(await fetch(url("/extend"), { method: "POST", body, headers: { Accept: "application/json" } })));
    reveal(one("not-kept"), false);
    if (!over) polite([one("until").textContent, canKeep() ? "" : words.say("last")].filter(Boolean).join(". "));
  } catch {
    reveal(one("not-kept"), true, words.say("not-kept"));
    polite(words.say("not-kept"));
  } finally {
    asking = false;
  }
}

// What the server knows: another tab may have kept, confirmed or ended it. Answers whether the server could be reached.
async function ask() {
  if (over || isLeaving()) return true;
  try {
    adopt(await answer(await fetch(url("/state"), { headers: { Accept: "application/json" } })));
    return true;
  } catch {
    return false;
  }
}

async function answer(response) {
  if (!(response.headers.get("Content-Type") ?? "").includes("json")) throw new Error(String(response.status));
  return response.json();
}

function adopt(state) {
  if (state.location) return location.assign(state.location);
  ahead = state.now - performance.now();
  if (state.status !== "held") return end(state);
  if (state.expires_at !== expiresAt) warned.clear();
  expiresAt = state.expires_at;
  WARN_MINUTES.filter((minutes) => secondsLeft() < minutes * 60).forEach((minutes) => warned.add(minutes));
  band.dataset.extensionsLeft = state.extensions_left;
  if (!canKeep()) one("keep").setAttribute("aria-disabled", "true");
  put(one("until"), words.say("until", { time: state.until }));
  tick();
}

const canKeep = () => Number(band.dataset.extensionsLeft) > 0;

// The band turns plain, the form stays as it is, and above it stands what can be held now.
function end(state) {
  if (over) return;
  over = true;
  clearTimeout(timer);
  const until = state.until ?? one("until").dataset.time;
  const hadFocus = [...all("while-held"), one("keep")].some((part) => part.contains(document.activeElement));
  quietly(() => {
    put(one("until"), state.status === "released" ? words.say("let-go") : words.say("ended", { time: until }));
    band.classList.remove("hold--low");
    band.classList.add("hold--ended");
    [...all("while-held"), one("keep"), one("warning"), one("not-kept")].forEach((part) => (part.hidden = true));
    all("when-ended").forEach((part) => (part.hidden = false));
    offer(state);
  });
  const confirm = one("confirm");
  confirm.setAttribute("aria-disabled", "true");
  confirm.setAttribute("aria-describedby", "confirm-why");
  document.title = words.say("over-title");
  assertive(words.say("over"));
  if (hadFocus) one("ended").querySelector("[tabindex]").focus({ preventScroll: true });
}

// Without an answer (offline) the same time is still offered: pressing it asks the server again.
function offer({ slot_open: open = null, alternatives = [] }) {
  const card = one("ended");
  card.querySelectorAll("[data-when-open]").forEach((part) => (part.hidden = open === false || (open === null && part.localName !== "button")));
  card.querySelectorAll("[data-when-gone]").forEach((part) => (part.hidden = open !== false));
  const cell = one("near-time").content;
  one("near").replaceChildren(...alternatives.map(({ start, label }) => {
    const copy = cell.cloneNode(true);
    Object.assign(copy.querySelector("button"), { value: start, textContent: label });
    return copy;
  }));
  one("when-near").hidden = !alternatives.length;
  card.hidden = false;
}

// Something above the form comes or goes: what the person looks at stays where it is.
function quietly(change) {
  const before = form.getBoundingClientRect().top;
  const scrolled = before < band.getBoundingClientRect().bottom;
  change();
  if (scrolled) scrollBy(0, form.getBoundingClientRect().top - before);
}

// Other words may take another line: they too come quietly.
function reveal(notice, wanted, text = "") {
  const words = notice.lastElementChild;
  if (notice.hidden !== wanted && (!wanted || words.textContent === text)) return;
  quietly(() => {
    if (wanted) put(words, text);
    notice.hidden = !wanted;
  });
}

function put(part, text) {
  if (part.textContent !== text) part.textContent = text;
}

function spoken(count, unit) {
  const shape = { style: "unit", unit, unitDisplay: "long" };
  return new Intl.NumberFormat(document.documentElement.lang, shape).format(count);
}

function digits(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

// With reduced motion the water falls once a minute.
function stepped(left) {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? Math.ceil(left / 60) * 60 : left;
}
