// @ts-check
/** Owns the page's only polite and only assertive live region. Everything that is spoken goes through here. */

const GATHER_MS = 1500; // changes that come together are told together
const GAP_MS = 5000; // at most one gathered message in this time
const TYPING_MS = 2000; // a person who pressed a key in a field this long ago is still typing
const SETTLE_MS = 60; // an emptied region is noticed as empty, so that the same words are spoken again

class Voice {
  constructor() {
    this.politeRegion = document.querySelector("[data-polite]");
    this.assertiveRegion = document.querySelector("[data-assertive]");
    /** @type {Map<string, () => string>} */
    this.waiting = new Map();
    this.spokeAt = -Infinity;
    this.typedAt = -Infinity;
    this.timer = 0;
    document.addEventListener("input", () => { this.typedAt = performance.now(); });
  }

  put(region, text) {
    if (!region || !text) return;
    region.textContent = "";
    setTimeout(() => { region.textContent = text; }, SETTLE_MS);
  }

  polite(text) {
    this.spokeAt = performance.now();
    this.put(this.politeRegion, text);
  }

  assertive(text) { this.put(this.assertiveRegion, text); }

  soon(topic, make) {
    this.waiting.set(topic, make);
    if (!this.timer) this.wait(GATHER_MS);
  }

  wait(least) {
    const now = performance.now();
    const quiet = Math.max(this.spokeAt + GAP_MS, this.typedAt + TYPING_MS) - now;
    this.timer = setTimeout(() => this.speak(), Math.max(least, quiet));
  }

  speak() {
    this.timer = 0;
    const now = performance.now();
    if (now < this.spokeAt + GAP_MS || now < this.typedAt + TYPING_MS) return this.wait(0);
    const text = [...this.waiting.values()].map((make) => make()).filter(Boolean).join(" ");
    this.waiting.clear();
    if (text) this.polite(text);
  }
}

const voice = new Voice();

/** Say it now, after what is being said. */
export const polite = (text) => voice.polite(text);

/** Interrupt. For what cannot wait, and once. */
export const assertive = (text) => voice.assertive(text);

/**
 * Say it with whatever else changes in the next moments. `make` is asked when it is spoken, so that the words are
 * true then; nothing to say is "". A later call of the same topic replaces the earlier one.
 * @param {string} topic @param {() => string} make
 */
export const soon = (topic, make) => voice.soon(topic, make);
