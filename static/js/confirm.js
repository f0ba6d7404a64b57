/**
 * The details form: whose name the browser may fill in, a draft when the page is put away, and a confirmation that is
 * sent once and, when the network fails on the way, asked for again until the answer is definite. Confirming the same
 * hold twice is the same confirmation, so the hold's address is all the key that this needs.
 */
import { polite } from "./say.js";

const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 15_000];
const ANSWER_MS = 15_000; // a request without an answer for this long is taken for lost
const PATIENT_TRIES = 3; // so often "checking" is the whole truth; after that the page says that it is taking long
const MOST_FAULTS = 5; // a server that keeps failing shows its own page in the end

let leaving = false;

/** Whether the form is on its way, so that nothing else should be sent. */
export const isLeaving = () => leaving;

/** Watch the form of a held time; `isOver` tells whether the hold has ended. */
export function watchForm(form, words, isOver) {
  if (!form) return;
  form.addEventListener("submit", (event) => submit(event, form, words, isOver));
  addEventListener("pageshow", () => { leaving = false; });
  if (!form.hasAttribute("data-details")) return;
  form.addEventListener("change", () => fillOwn(form));
  fillOwn(form);
  leadToFaults();
  keepDraft(form, isOver);
}

// A browser knows its owner's name; it must not put it in for somebody else.
function fillOwn(form) {
  const isOwn = form.querySelector('[name="who"][value="me"]').checked;
  for (const field of form.querySelectorAll("[data-own]")) field.autocomplete = isOwn ? field.dataset.own : "off";
}

function leadToFaults() {
  const summary = document.querySelector("[data-faults]");
  summary?.focus();
  summary?.addEventListener("click", (event) => {
    const field = document.getElementById(event.target.closest("a")?.hash.slice(1) ?? "");
    if (!field) return;
    event.preventDefault();
    field.focus();
  });
}

// Phones throw pages away in the background: what was typed until then stays on the server, in memory, for an hour.
function keepDraft(form, isOver) {
  let typed = false;
  form.addEventListener("input", () => { typed = true; });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden || !typed || leaving || isOver()) return;
    typed = false;
    const body = new URLSearchParams(new FormData(form));
    fetch(`${form.getAttribute("action")}/draft`, { method: "POST", body, keepalive: true }).catch(() => { typed = true; });
  });
}

function submit(event, form, words, isOver) {
  const pressed = event.submitter;
  const isConfirm = !pressed?.hasAttribute("formaction") && pressed?.name !== "again";
  if (leaving) return event.preventDefault();
  if (!isConfirm) return void (leaving = true);
  event.preventDefault();
  if (isOver()) return polite(words.say("first"));
  leaving = true;
  document.querySelector("[data-confirm]").setAttribute("aria-disabled", "true");
  tell(words.say("sending"));
  void send(form, words);
}

async function send(form, words) {
  const body = new URLSearchParams(new FormData(form));
  for (let tries = 1, faults = 0; ; tries++) {
    const response = await post(form.getAttribute("action"), body);
    if (response && response.status >= 500) faults++;
    if (response && (response.status < 500 || faults >= MOST_FAULTS)) return settle(form, response);
    tell(words.say(tries <= PATIENT_TRIES ? "checking" : "still"));
    await pause(PAUSES_MS[Math.min(tries, PAUSES_MS.length) - 1]);
  }
}

async function post(url, body) {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    return await fetch(url, { method: "POST", body, headers: { Accept: "application/json" }, signal });
  } catch {
    return null;
  }
}

// Booked: go there. Refused: nothing happened, and the server's own page says why, with everything that was typed.
async function settle(form, response) {
  const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
  const { location: page } = response.ok && isJson ? await response.json() : {};
  if (page) location.assign(page);
  else HTMLFormElement.prototype.submit.call(form);
}

function tell(text) {
  const notice = document.querySelector("[data-progress]");
  if (notice.lastElementChild.textContent === text) return;
  notice.lastElementChild.textContent = text;
  notice.hidden = false;
  polite(text);
}

function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    addEventListener("online", resolve, { once: true });
  });
}
