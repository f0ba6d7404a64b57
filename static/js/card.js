// The page of one appointment: focus after confirming, printing, copying the link, and noticing that it has changed.
import "./join.js";

const CHECK_MS = 60_000;
const page = document.querySelector('[data-page="card"]');

arrive();
offerPrinting();
offerCopying();
watch();

// Just confirmed: say so by focus, once; the address that people save is the plain one.
function arrive() {
  document.querySelector("[data-focus]")?.focus();
  if (new URL(location.href).searchParams.has("new")) history.replaceState(null, "", location.pathname);
}

function offerPrinting() {
  document.querySelectorAll("[data-with-print]").forEach((row) => (row.hidden = false));
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
}

function offerCopying() {
  const button = document.querySelector("[data-copy]");
  if (!button || !navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector("[data-link]").textContent.trim());
    button.querySelector("[data-copy-word]").textContent = button.dataset.sayCopied;
  });
}

// A page left open must not go on telling what is no longer so.
function watch() {
  setInterval(() => document.hidden || check(), CHECK_MS);
  document.addEventListener("visibilitychange", () => document.hidden || check());
  addEventListener("pageshow", (event) => event.persisted && check());
}

async function check() {
  try {
    const answer = await fetch(`${location.pathname}?part=state`, { headers: { Accept: "application/json" } });
    const { version } = answer.ok ? await answer.json() : { version: page.dataset.version };
    if (String(version) !== page.dataset.version) location.reload();
  } catch {
    // Unreachable for now: the page says only what was true when it was asked for.
  }
}
