import { deflateSync, gzipSync } from 'node:zlib';

/** How the end of the body is told; all but the first three lie about it. */
export const FRAMINGS = [
  ...['exact', 'chunked', 'gzip'],
  ...['longer', 'shorter', 'negative', 'chunk cut', 'chunk of all memory', 'both', 'none', 'no gzip', 'half a gzip', 'twice'],
] as const;
export type Framing = (typeof FRAMINGS)[number];

const honest = (framing: Framing): boolean => ['exact', 'chunked', 'gzip', 'no gzip', 'half a gzip'].includes(framing);
/** Whether the server may wait for more, or answer nothing that makes sense. */
export const isLie = (framing: Framing): boolean => !honest(framing);

const chunk = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** The headers that tell the length, and the body as it is sent. */
export const frame = (body: Buffer, framing: Framing): readonly [headers: readonly string[], bytes: Buffer] => {
  const sized = (bytes: Buffer, length: number | string = bytes.length, ...more: readonly string[]) =>
    [[`Content-Length: ${length}`, ...more], bytes] as const;
  const chunked = (...parts: readonly Buffer[]) => [['Transfer-Encoding: chunked'], Buffer.concat(parts)] as const;
  const middle = body.length >> 1;
  switch (framing) {
    case 'exact':
      return sized(body);
    case 'chunked':
      return chunked(
        ...[body.subarray(0, middle), body.subarray(middle)].filter(({ length }) => length > 0).map(chunk),
        LAST_CHUNK,
      );
    case 'gzip':
      return sized(gzipSync(body), undefined, 'Content-Encoding: gzip');
    case 'longer':
      return sized(body, body.length + 7);
    case 'shorter':
      return sized(body, Math.max(0, body.length - 3));
    case 'negative':
      return sized(body, -1);
    case 'chunk cut':
      return chunked(Buffer.from(`${(body.length + 9).toString(16)}\r\n`), body);
    case 'chunk of all memory':
      return chunked(Buffer.from('fffffffffffffff\r\n'), body);
    case 'both':
      return [['Content-Length: 4', 'Transfer-Encoding: chunked'], Buffer.concat([chunk(body), LAST_CHUNK])];
    case 'none':
      return [[], body];
    case 'no gzip':
      return sized(body, undefined, 'Content-Encoding: gzip');
    case 'half a gzip': {
      const zipped = deflateSync(body);
      return sized(zipped.subarray(0, zipped.length >> 1), undefined, 'Content-Encoding: deflate');
    }
    case 'twice':
      return [[`Content-Length: ${body.length}`, `Content-Length: ${body.length + 1}`], body];
  }
};
