import { parseArgs } from 'node:util';

/** Thrown for arguments that nobody can act on. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface CommandLine<Name extends string> {
  readonly numbers: Readonly<Record<Name, number>>;
  readonly flags: ReadonlySet<string>;
  readonly out: string | undefined;
}

/**
 * Reads `--name value` for whole numbers that have a default, `--out file`, and `--flag`.
 *
 * @throws {UsageError}
 */
export const readCommandLine = <Name extends string>(
  defaults: Readonly<Record<Name, number>>,
  flags: readonly string[],
): CommandLine<Name> => {
  const names = Object.keys(defaults) as Name[];
  const options = Object.fromEntries([
    ...[...names, 'out'].map((name) => [name, { type: 'string' as const }]),
    ...flags.map((name) => [name, { type: 'boolean' as const }]),
  ]);
  let values: ReturnType<typeof parseArgs>['values'];
  try {
    values = parseArgs({ options, strict: true }).values;
  } catch (cause) {
    const known = [...names.map((name) => `--${name} ${defaults[name]}`), '--out file', ...flags.map((name) => `--${name}`)];
    throw new UsageError(`${cause instanceof Error ? cause.message : String(cause)}\nOptions: ${known.join(', ')}`, { cause });
  }
  const numbers = Object.fromEntries(
    names.map((name) => {
      const given = values[name];
      const number = given === undefined ? defaults[name] : Number(given);
      if (!Number.isSafeInteger(number) || number < 1) throw new UsageError(`--${name} takes a whole number from 1 up`);
      return [name, number];
    }),
  ) as Record<Name, number>;
  return {
    numbers,
    flags: new Set(flags.filter((name) => values[name] === true)),
    out: typeof values.out === 'string' ? values.out : undefined,
  };
};

/** What somebody types to have the same done again; where the result went is theirs alone. */
export const commandText = (script: string): string => {
  const args = process.argv.slice(2);
  const out = args.indexOf('--out');
  const kept = args.filter((arg, index) => !arg.startsWith('--out=') && (out < 0 || (index !== out && index !== out + 1)));
  return [`npm run ${script}`, ...(kept.length > 0 ? ['--', ...kept] : [])].join(' ');
};
