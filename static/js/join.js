// Shows the face of joining that the clock says (before, open, after), and the wait in words.
import "./yours.js";

const LAST_MINUTES = 90; // the steps of wait() in server/pages/ticket.py
const LAST_HOURS = 36;
const LONGEST_SLEEP_MS = 30_000;
const language = document.documentElement.lang;

document.querySelectorAll("[data-joining]").forEach(follow);

function follow(joining) {
  const opens = Number(joining.dataset.opens) * 1000;
  const closes = (Number(joining.dataset.closes) + 1) * 1000; // the last second is still inside
  const now = serverClock(Number(joining.dataset.now));
  let timer = 0;

  function look() {
    clearTimeout(timer);
    const at = now();
    show(joining, at < opens ? "before" : at < closes ? "open" : "after");
    joining.querySelectorAll("[data-countdown]").forEach((line) => {
      line.textContent = line.dataset.say.replace("{duration}", wait(opens - at));
    });
    const edge = [opens, closes].find((edge) => edge > at);
    if (edge) timer = setTimeout(look, Math.min(edge - at, LONGEST_SLEEP_MS));
  }

  look();
  addEventListener("pageshow", look);
  document.addEventListener("visibilitychange", look);
}

// The server's clock: what it said when this page left it, carried on by a clock that nobody sets.
function serverClock(said) {
  const left = performance.getEntriesByType("navigation")[0]?.responseStart ?? performance.now();
  return () => said + performance.now() - left;
}

function show(joining, chosen) {
  for (const face of joining.querySelectorAll("[data-face]")) {
    const hide = face.dataset.face !== chosen;
    if (hide === face.hidden) continue;
    const hadFocus = face.contains(document.activeElement);
    face.hidden = hide;
    if (hadFocus) joining.querySelector(`[data-face="${chosen}"] :is(a[href], h1, h2)`)?.focus();
  }
}

function wait(ms) {
  const minutes = Math.max(1, Math.ceil(ms / 60_000));
  const words = new Intl.RelativeTimeFormat(language, { numeric: "always" });
  if (minutes <= LAST_MINUTES) return words.format(minutes, "minute");
  if (minutes <= LAST_HOURS * 60) return words.format(Math.round(minutes / 60), "hour");
  return words.format(Math.round(minutes / 1440), "day");
}
