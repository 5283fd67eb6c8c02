import type fc from 'fast-check';

const wholeNumber = (name: string): number | undefined => {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  const number = Number(text);
  if (!Number.isInteger(number)) throw new Error(`${name} must be a whole number, but is ${text}`);
  return number;
};

/**
 * How many cases a property tries. `PROPERTY_FACTOR=20` tries twenty times as many; `PROPERTY_SEED` and `PROPERTY_PATH`, which a
 * failure prints as seed and path, repeat that failure.
 */
export const runs = (numRuns: number): Pick<fc.Parameters<unknown>, 'numRuns' | 'seed' | 'path'> => {
  const seed = wholeNumber('PROPERTY_SEED');
  const path = process.env.PROPERTY_PATH;
  return {
    numRuns: numRuns * (wholeNumber('PROPERTY_FACTOR') ?? 1),
    ...(seed === undefined ? {} : { seed }),
    ...(path === undefined || path === '' ? {} : { path }),
  };
};
