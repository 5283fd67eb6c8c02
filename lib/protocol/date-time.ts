/**
 * RFC 7643 2.3.5: a dateTime is an xsd:dateTime with a date and a time; here it also names its zone, as one without is no instant.
 * The calendar is in the pattern (no 30 February, no year 0), so whatever it lets through can be cast by Postgres as well,
 * which reads the same pattern: no class or flag in it that the two would read in different ways.
 */
export const DATE_TIME_PATTERN: string = [
  '^(?!0000)',
  '(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))',
  '|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)',
  'T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,9})?',
  '(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))$',
].join('');

const dateTime = new RegExp(DATE_TIME_PATTERN);

/** Milliseconds since 1970, finer digits cut off; undefined for anything that is not a dateTime with a zone. */
export const parseInstant = (text: string): number | undefined => (dateTime.test(text) ? Date.parse(text) : undefined);

/** The instant as `2026-07-21T09:00:00.000Z`; a text without zone is taken as UTC. Undefined when it is no dateTime of the years 1 to 9999. */
export const toIsoInstant = (text: string): string | undefined => {
  const instant = parseInstant(text) ?? parseInstant(`${text}Z`);
  if (instant === undefined) return undefined;
  const iso = new Date(instant).toISOString();
  // A zone can push the instant over the edge of the years that Postgres reads in this notation.
  return dateTime.test(iso) ? iso : undefined;
};

const DAY_MS = 86_400_000;
const TWO_DIGITS: readonly string[] = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'));
const memo = { day: Number.NaN, text: '' };

/** `toISOString`, which takes four times as long: the dates of a page are mostly of few days, and only a new day is worked out. */
export const isoOf = (date: Date): string => {
  const time = date.getTime();
  const day = Math.floor(time / DAY_MS);
  if (day !== memo.day) {
    const iso = date.toISOString();
    memo.text = iso.slice(0, iso.indexOf('T') + 1);
    memo.day = day;
  }
  const milliseconds = time - day * DAY_MS;
  const seconds = Math.floor(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  const [h, m, s] = [TWO_DIGITS[Math.floor(minutes / 60)], TWO_DIGITS[minutes % 60], TWO_DIGITS[seconds % 60]];
  return `${memo.text}${h}:${m}:${s}.${String(milliseconds % 1000).padStart(3, '0')}Z`;
};
