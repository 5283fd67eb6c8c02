const ZERO = 48;
const PLUS = 43;
const MINUS = 45;
const POINT = 46;
const SPACE = 32;

/** 0 where there is none at this place. */
const digit = (text: string, at: number): number => {
  const value = text.charCodeAt(at) - ZERO;
  return value >= 0 && value <= 9 ? value : 0;
};

const twoDigits = (text: string, at: number): number => digit(text, at) * 10 + digit(text, at + 1);

/** What Postgres writes in a zone of whole hours, of the years 1000 to 9999. */
const isUsual = (text: string, sign: number): boolean =>
  text.length >= 22 && text.charCodeAt(0) > ZERO && text.charCodeAt(10) === SPACE && (sign === PLUS || sign === MINUS);

/**
 * Reads `2026-11-25 02:50:54.123456+00`, as Postgres writes a timestamptz, with what is finer than a millisecond cut off. A page of
 * a list has two for each row, and pg's own parser, which reads what is not usual, takes several times as long.
 */
export const instantParser =
  (otherwise: (text: string) => unknown) =>
  (text: string): unknown => {
    const zone = text.length - 3;
    const sign = text.charCodeAt(zone);
    if (!isUsual(text, sign)) return otherwise(text);
    const offset = sign === PLUS ? twoDigits(text, zone + 1) : -twoDigits(text, zone + 1);
    let milliseconds = 0;
    if (text.charCodeAt(19) === POINT) {
      milliseconds = digit(text, 20) * 100;
      if (zone > 21) milliseconds += digit(text, 21) * 10;
      if (zone > 22) milliseconds += digit(text, 22);
    }
    const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
    const [month, day, hour] = [twoDigits(text, 5) - 1, twoDigits(text, 8), twoDigits(text, 11) - offset];
    return new Date(Date.UTC(year, month, day, hour, twoDigits(text, 14), twoDigits(text, 17), milliseconds));
  };
