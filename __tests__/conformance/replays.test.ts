import { describe, expect, test } from '@jest/globals';
import { withWorld } from '../support/test-world.js';
import { runReplay } from './replay.js';
import { replayFiles } from './replay-files.js';

// The longest one sends some hundred requests, one after the other.
const replayWithinMs = 60_000;

const world = withWorld();
const replays = replayFiles().map(({ replay }) => [replay.name, replay.sentBy, replay] as const);

describe.each(['/scim', '/scim/v2'])('replays under %s', (mount) => {
  test.each(replays)(
    '%s: %s',
    async (_name, _sentBy, replay) => {
      const { url, token } = world().host;
      expect(await runReplay(replay, { baseUrl: `${url}${mount}`, token })).toEqual([]);
    },
    replayWithinMs,
  );
});
