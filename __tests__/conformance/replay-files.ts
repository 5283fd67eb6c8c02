import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Replay, readReplay } from './replay-format.js';

// The compiled tests run from build/, the JSON files stay in the source tree.
const folder = join(process.cwd(), '__tests__', 'conformance', 'replays');

/** Every replay of the folder, in the order of their names. */
export const replayFiles = (): readonly { readonly file: string; readonly replay: Replay }[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ file, replay: readReplay(readFileSync(join(folder, file), 'utf8')) }));
