import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The name of a test is the literal behind `test(`, or behind the closing bracket of its table. */
const TEST_NAME = /\btest(?:\.each[\s\S]*?\))?\(\s*(['"`])((?:\\.|(?!\1)[\s\S])*)\1\s*,/g;

/** The names of the tests in a file below `__tests__`; undefined where there is no such file. */
export const testsIn = (file: string): readonly string[] | undefined => {
  // The compiled tests run from build/; sources and documents stay in the tree.
  const path = join(process.cwd(), '__tests__', file);
  if (!existsSync(path)) return undefined;
  return [...readFileSync(path, 'utf8').matchAll(TEST_NAME)].map(([, , name = '']) => name.replaceAll("\\'", "'"));
};
