const startedAt = performance.now();

export const secondsSoFar = (): number => (performance.now() - startedAt) / 1000;

/** A line for who waits; results go to stdout. */
export const progress = (line: string): void => console.error(`${secondsSoFar().toFixed(0).padStart(5)} s  ${line}`);
