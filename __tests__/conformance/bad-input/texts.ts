import { gzipSync } from 'node:zlib';
import { type BadInput, INVALID_SYNTAX, nested, type Refusal } from './bad-input.js';

const ZIPPED = gzipSync('{"userName":"bad-1"}');
const UNSUPPORTED: Refusal = { status: 415 };
const TOO_LARGE: Refusal = { status: 413 };

/** Texts that are no JSON, or no JSON object, wherever a body is wanted. */
const texts: readonly (readonly [name: string, text: string | Buffer])[] = [
  ['nothing', ''],
  ['white space', ' \r\n\t '],
  ['a word', 'hello'],
  ['a lone brace', '{'],
  ['a lone closing brace', '}'],
  ['a lone quotation mark', '"'],
  ['a comma at the end', '{"userName":"bad-1",}'],
  ['single quotation marks', "{'userName':'bad-1'}"],
  ['a comment', '{"userName":"bad-1"/* hello */}'],
  ['two objects', '{"userName":"bad-1"}{"userName":"bad-2"}'],
  ['NaN', '{"userName":NaN}'],
  ['undefined', '{"userName":undefined}'],
  ['a number in hexadecimal', '{"userName":0x10}'],
  ['a number with a leading zero', '{"userName":007}'],
  ['a raw NUL character', '{"userName":"bad\u0000"}'],
  ['a raw line feed in a string', '{"userName":"bad\n1"}'],
  ['an escape that JSON lacks', '{"userName":"\\x41"}'],
  ['half of an escape', '{"userName":"\\u12"}'],
  ['a form', 'userName=bad-1&active=true'],
  ['XML', '<?xml version="1.0"?><User><userName>bad-1</userName></User>'],
  ['an end in the middle of a string', '{"userName":"bad'],
  ['10,000 lists within each other', nested('[', ']', 10_000)],
  ['10,000 objects within each other', nested('{"a":', '}', 10_000, '1')],
  ['100,000 opening brackets', '['.repeat(100_000)],
  ['33 levels of nesting', `{"userName":"bad-1","title":${nested('[', ']', 33)}}`],
  ['an empty list', '[]'],
  ['a list of an object', '[{"userName":"bad-1","displayName":"bad-1"}]'],
  ['a string', '"userName"'],
  ['a number', '5'],
  ['a huge number', '9'.repeat(5_000)],
  ['true', 'true'],
  ['null', 'null'],
];

const targets: readonly (readonly [name: string, method: string, path: string])[] = [
  ['a new person', 'POST', '/Users'],
  ['a change', 'PATCH', '/Users/$USER'],
  ['a bulk request', 'POST', '/Bulk'],
];

const encodings: readonly (readonly [name: string, headers: Record<string, string>, body: string | Buffer, refusal: Refusal])[] =
  [
    ['XML as its media type', { 'Content-Type': 'application/xml' }, '{"userName":"bad-1"}', UNSUPPORTED],
    ['a form as its media type', { 'Content-Type': 'application/x-www-form-urlencoded' }, 'userName=bad-1', UNSUPPORTED],
    ['a multipart form', { 'Content-Type': 'multipart/form-data; boundary=x' }, '--x--', UNSUPPORTED],
    ['plain text as its media type', { 'Content-Type': 'text/plain' }, '{"userName":"bad-1"}', UNSUPPORTED],
    [
      'a media type that only begins like ours',
      { 'Content-Type': 'application/scim+jsonp' },
      '{"userName":"bad-1"}',
      UNSUPPORTED,
    ],
    ['a media type without a subtype', { 'Content-Type': 'json' }, '{"userName":"bad-1"}', UNSUPPORTED],
    ['an unknown charset', { 'Content-Type': 'application/scim+json; charset=klingon' }, '{"userName":"bad-1"}', UNSUPPORTED],
    [
      'UTF-16 as its charset and UTF-8 in its bytes',
      { 'Content-Type': 'application/json; charset=utf-16le' },
      '{"userName":"bad-1"}',
      INVALID_SYNTAX,
    ],
    ['bytes in UTF-16 without a charset', {}, Buffer.from('{"userName":"bad-1"}', 'utf16le'), INVALID_SYNTAX],
    ['a byte order mark of UTF-16', {}, Buffer.from('\uFEFF{"userName":"bad-1"}', 'utf16le'), INVALID_SYNTAX],
    [
      'bytes that are not UTF-8',
      {},
      Buffer.from([...Buffer.from('{"userName":"bad-1'), 0xff, 0xfe, ...Buffer.from('"}')]),
      INVALID_SYNTAX,
    ],
    ['a letter in ISO-8859-1', {}, Buffer.from('{"userName":"bad-\u00fc"}', 'latin1'), INVALID_SYNTAX],
    [
      'a surrogate pair in UTF-8 (CESU-8)',
      {},
      Buffer.from([...Buffer.from('{"userName":"bad-'), 0xed, 0xa0, 0x80, ...Buffer.from('"}')]),
      INVALID_SYNTAX,
    ],
    [
      'an overlong slash in UTF-8',
      {},
      Buffer.from([...Buffer.from('{"userName":"bad-'), 0xc0, 0xaf, ...Buffer.from('"}')]),
      INVALID_SYNTAX,
    ],
    ['garbage as gzip', { 'Content-Encoding': 'gzip' }, Buffer.from('this is not gzip at all'), INVALID_SYNTAX],
    ['half of a gzip', { 'Content-Encoding': 'gzip' }, ZIPPED.subarray(0, 20), INVALID_SYNTAX],
    [
      'a gzip with a wrong checksum',
      { 'Content-Encoding': 'gzip' },
      Buffer.concat([ZIPPED.subarray(0, -8), Buffer.alloc(8)]),
      INVALID_SYNTAX,
    ],
    ['plain bytes as deflate', { 'Content-Encoding': 'deflate' }, '{"userName":"bad-1"}', INVALID_SYNTAX],
    ['gzip twice', { 'Content-Encoding': 'gzip, gzip' }, gzipSync(ZIPPED), UNSUPPORTED],
    ['an unknown encoding', { 'Content-Encoding': 'zstd' }, '{"userName":"bad-1"}', UNSUPPORTED],
    ['11 MiB', {}, `{"userName":"bad-1","title":"${'x'.repeat(11 * 1024 * 1024)}"}`, TOO_LARGE],
    ['a gzip that becomes 64 MiB', { 'Content-Encoding': 'gzip' }, gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20)), TOO_LARGE],
  ];

export const badTexts: readonly BadInput[] = [
  ...targets.flatMap(([target, method, path]) =>
    texts.map(([name, body]) => ({ name: `${target} whose body is ${name}`, method, path, body, ...INVALID_SYNTAX })),
  ),
  ...encodings.map(([name, headers, body, refusal]) => ({
    name: `a new person whose body has ${name}`,
    method: 'POST',
    path: '/Users',
    headers,
    body,
    ...refusal,
  })),
  { name: 'a search whose body is a list', method: 'POST', path: '/Users/.search', body: '[]', ...INVALID_SYNTAX },
  { name: 'a search whose body is a string', method: 'POST', path: '/.search', body: '"filter"', ...INVALID_SYNTAX },
  { name: 'a search without a body', method: 'POST', path: '/Groups/.search', ...INVALID_SYNTAX },
  { name: 'a replaced group whose body is null', method: 'PUT', path: '/Groups/$GROUP', body: 'null', ...INVALID_SYNTAX },
];
