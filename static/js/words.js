// @ts-check
/** Words for scripts: sentences come from the server's HTML, dates and times from Intl. No sentence is written here. */

const NOON = 12, EVENING = 17; // the server's grid.py divides the day at the same hours

/** The sentences of one element's data-say-* attributes. */
export class Words {
  constructor(element) {
    this.element = element;
    this.plural = new Intl.PluralRules(document.documentElement.lang);
  }

  /**
   * The sentence with its {placeholders} filled.
   * @param {string} name
   * @param {Record<string, string | number>} [values]
   */
  say(name, values = {}) {
    const sentence = this.element.getAttribute(`data-say-${name}`) ?? "";
    return sentence.replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ""));
  }

  /**
   * The sentence in the plural form that `n` takes; {n} is the number.
   * @param {string} name
   * @param {number} n
   * @param {Record<string, string | number>} [values]
   */
  count(name, n, values = {}) {
    return this.say(`${name}-${this.plural.select(n)}`, { ...values, n });
  }
}

/** A time zone's view of instants (Unix seconds), in the page's language. */
export class Zone {
  constructor(name) {
    this.name = name;
    this.dates = new Map(); // asked for every start at every change
    const lang = document.documentElement.lang;
    const format = (options) => new Intl.DateTimeFormat(lang, { ...options, timeZone: name });
    this.clocks = format({ hour: "2-digit", minute: "2-digit" });
    this.longs = format({ weekday: "long", day: "numeric", month: "long" });
    this.shorts = format({ weekday: "short", day: "numeric", month: "short" });
    this.walls = new Intl.DateTimeFormat("en-u-ca-iso8601-nu-latn", {
      timeZone: name, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
    });
  }

  clock(start) { return this.clocks.format(start * 1000); }
  dayLong(start) { return this.longs.format(start * 1000).replace(",", ""); }
  dayShort(start) { return this.shorts.format(start * 1000).replace(",", ""); }
  date(start) {
    let date = this.dates.get(start);
    if (!date) {
      const { year, month, day } = this.wall(start);
      this.dates.set(start, date = `${year}-${month}-${day}`);
    }
    return date;
  }
  part(start) {
    const hour = Number(this.wall(start).hour);
    return hour < NOON ? "morning" : hour < EVENING ? "afternoon" : "evening";
  }
  /** Minutes ahead of UTC. */
  offset(start) {
    const { year, month, day, hour, minute } = this.wall(start);
    return (Date.UTC(+year, +month - 1, +day, +hour, +minute) / 1000 - Math.floor(start / 60) * 60) / 60;
  }
  /** 1 or 2 for the first or second pass of an hour that the clocks repeat, else 0. */
  fold(start) {
    const here = this.offset(start);
    if ([30, 60].some((minutes) => this.offset(start + minutes * 60) === here - minutes)) return 1;
    return [30, 60].some((minutes) => this.offset(start - minutes * 60) === here + minutes) ? 2 : 0;
  }
  wall(start) {
    return Object.fromEntries(this.walls.formatToParts(start * 1000).map(({ type, value }) => [type, value]));
  }
}
