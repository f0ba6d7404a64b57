/** Beside a time of the clinic, the same instant where the visitor's device is set. Silent where the two read alike. */

const language = document.documentElement.lang;

document.querySelectorAll("[data-yours]").forEach(show);

function show(line) {
  const start = new Date(Number(line.dataset.start) * 1000);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || readAlike(start, zone, line.dataset.timezone)) return;
  const shape = { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", timeZone: zone };
  const city = zone.split("/").at(-1).replaceAll("_", " ");
  const when = new Intl.DateTimeFormat(language, shape).format(start);
  line.textContent = line.dataset.sayYours.replace("{zone}", city).replace("{when}", when);
  line.hidden = false;
}

function readAlike(instant, one, other) {
  const shape = { dateStyle: "short", timeStyle: "short" };
  const [a, b] = [one, other].map((timeZone) => new Intl.DateTimeFormat("en", { ...shape, timeZone }).format(instant));
  return a === b;
}
