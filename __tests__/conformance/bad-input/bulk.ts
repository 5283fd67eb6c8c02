import {
  type BadInput,
  HALF_PAIR,
  INVALID_PATH,
  INVALID_SYNTAX,
  INVALID_VALUE,
  MUTABILITY,
  NOT_FOUND,
  NUL,
  type Refusal,
  UNIQUENESS,
} from './bad-input.js';

const bodies: readonly (readonly [name: string, body: string, refusal: Refusal])[] = [
  ['no operations', '{}', INVALID_SYNTAX],
  ['operations of null', '{"Operations":null}', INVALID_SYNTAX],
  ['operations that are an object', '{"Operations":{"method":"POST"}}', INVALID_SYNTAX],
  ['operations that are a string', '{"Operations":"POST"}', INVALID_SYNTAX],
  ['operations by a prototype', '{"__proto__":{"Operations":[]}}', INVALID_SYNTAX],
  ['a failOnErrors that is a word', '{"failOnErrors":"one","Operations":[]}', INVALID_VALUE],
  ['a failOnErrors that is negative', '{"failOnErrors":-1,"Operations":[]}', INVALID_VALUE],
  ['a failOnErrors with a fraction', '{"failOnErrors":1.5,"Operations":[]}', INVALID_VALUE],
  ['a failOnErrors that is infinite', '{"failOnErrors":1e400,"Operations":[]}', INVALID_VALUE],
  ['a failOnErrors that is true', '{"failOnErrors":true,"Operations":[]}', INVALID_VALUE],
  [
    '1,001 operations',
    `{"Operations":[${Array(1001).fill('{"method":"DELETE","path":"/Users/$USER"}').join(',')}]}`,
    { status: 413 },
  ],
];

export const bulkRequests: readonly BadInput[] = bodies.map(([name, body, refusal]) => ({
  name: `a bulk request with ${name}`,
  method: 'POST',
  path: '/Bulk',
  body,
  ...refusal,
}));

/** An operation that fails within a bulk request that is answered 200. */
export interface BadOperation extends Refusal {
  readonly name: string;
  readonly operation: string;
}

const operations: readonly (readonly [name: string, operation: string, refusal: Refusal])[] = [
  ['that is a number', '5', INVALID_VALUE],
  ['that is null', 'null', INVALID_VALUE],
  ['that is a list', '[]', INVALID_VALUE],
  ['that is empty', '{}', INVALID_PATH],
  ['without a method', '{"path":"/Users/$USER"}', INVALID_SYNTAX],
  ['with the method GET', '{"method":"GET","path":"/Users/$USER"}', INVALID_SYNTAX],
  ['with a method that is a number', '{"method":5,"path":"/Users/$USER"}', INVALID_SYNTAX],
  ['with a method by a prototype', '{"__proto__":{"method":"DELETE"},"path":"/Users/$USER"}', INVALID_SYNTAX],
  ['without a path', '{"method":"DELETE"}', INVALID_PATH],
  ['with a path that is a number', '{"method":"DELETE","path":5}', INVALID_PATH],
  ['with an empty path', '{"method":"DELETE","path":""}', INVALID_PATH],
  ['on an unknown endpoint', '{"method":"POST","bulkId":"b","path":"/Robots","data":{}}', INVALID_PATH],
  ['on the bulk endpoint', '{"method":"POST","bulkId":"b","path":"/Bulk","data":{"Operations":[]}}', INVALID_PATH],
  ['on a search', '{"method":"POST","bulkId":"b","path":"/Users/.search","data":{}}', INVALID_PATH],
  ['on something below a person', '{"method":"DELETE","path":"/Users/$USER/x"}', INVALID_PATH],
  ['on another server', '{"method":"DELETE","path":"https://example.com/Users/$USER"}', INVALID_PATH],
  ['that creates by an id', '{"method":"POST","bulkId":"b","path":"/Users/$USER","data":{"userName":"bad-1"}}', INVALID_PATH],
  ['that deletes without an id', '{"method":"DELETE","path":"/Users"}', INVALID_PATH],
  ['that replaces without an id', '{"method":"PUT","path":"/Users/","data":{"userName":"bad-1"}}', INVALID_PATH],
  ['that creates without a bulkId', '{"method":"POST","path":"/Users","data":{"userName":"bad-1"}}', INVALID_VALUE],
  [
    'that creates with a bulkId that is a number',
    '{"method":"POST","bulkId":5,"path":"/Users","data":{"userName":"bad-1"}}',
    INVALID_VALUE,
  ],
  [
    'that creates with an empty bulkId',
    '{"method":"POST","bulkId":"","path":"/Users","data":{"userName":"bad-1"}}',
    INVALID_VALUE,
  ],
  ['that creates without data', '{"method":"POST","bulkId":"b","path":"/Users"}', INVALID_SYNTAX],
  ['that creates with data of null', '{"method":"POST","bulkId":"b","path":"/Users","data":null}', INVALID_SYNTAX],
  ['that creates with a list as data', '{"method":"POST","bulkId":"b","path":"/Users","data":[]}', INVALID_SYNTAX],
  ['that creates without a userName', '{"method":"POST","bulkId":"b","path":"/Users","data":{}}', INVALID_VALUE],
  [
    'that creates with a NUL character',
    `{"method":"POST","bulkId":"b","path":"/Users","data":{"userName":"${NUL}"}}`,
    INVALID_VALUE,
  ],
  [
    'that creates with a number as a title',
    '{"method":"POST","bulkId":"b","path":"/Users","data":{"userName":"bad-1","title":5}}',
    INVALID_VALUE,
  ],
  [
    'that creates who is there',
    '{"method":"POST","bulkId":"b","path":"/Users","data":{"userName":"other@example.com"}}',
    UNIQUENESS,
  ],
  [
    'that creates a group with an unknown member',
    '{"method":"POST","bulkId":"b","path":"/Groups","data":{"displayName":"bad-1","members":[{"value":"x"}]}}',
    INVALID_VALUE,
  ],
  [
    'that refers to an unknown bulkId',
    '{"method":"POST","bulkId":"b","path":"/Groups","data":{"displayName":"bad-1","members":[{"value":"bulkId:nobody"}]}}',
    INVALID_VALUE,
  ],
  [
    'that refers to itself as a member',
    '{"method":"POST","bulkId":"b","path":"/Groups","data":{"displayName":"bad-1","members":[{"value":"bulkId:b"}]}}',
    INVALID_VALUE,
  ],
  ['that replaces without data', '{"method":"PUT","path":"/Users/$USER"}', INVALID_SYNTAX],
  ['that changes without data', '{"method":"PATCH","path":"/Users/$USER"}', INVALID_SYNTAX],
  ['that changes without operations', '{"method":"PATCH","path":"/Users/$USER","data":{}}', INVALID_SYNTAX],
  [
    'that changes the id',
    '{"method":"PATCH","path":"/Users/$USER","data":{"Operations":[{"op":"replace","path":"id","value":"x"}]}}',
    MUTABILITY,
  ],
  [
    'that changes an unknown person',
    '{"method":"PATCH","path":"/Users/x","data":{"Operations":[{"op":"replace","path":"title","value":"x"}]}}',
    NOT_FOUND,
  ],
  ['that deletes an unknown person', '{"method":"DELETE","path":"/Users/x"}', NOT_FOUND],
  ['that deletes by an unknown bulkId', '{"method":"DELETE","path":"/Users/bulkId:nobody"}', NOT_FOUND],
  ['that deletes by an id with a NUL character', `{"method":"DELETE","path":"/Users/${NUL}"}`, NOT_FOUND],
  [
    'that changes by an id with a NUL character',
    `{"method":"PATCH","path":"/Groups/${NUL}","data":{"Operations":[{"op":"replace","path":"displayName","value":"x"}]}}`,
    NOT_FOUND,
  ],
  ['that deletes by an id with half of a surrogate pair', `{"method":"DELETE","path":"/Users/${HALF_PAIR}"}`, NOT_FOUND],
  [
    'that deletes by an old version',
    '{"method":"DELETE","path":"/Users/$USER","version":"W/\\"0.0000000000\\""}',
    { status: 412 },
  ],
  [
    'that replaces by an old version',
    '{"method":"PUT","path":"/Groups/$GROUP","version":"x","data":{"displayName":"Changed"}}',
    { status: 412 },
  ],
];

export const badOperations: readonly BadOperation[] = operations.map(([name, operation, refusal]) => ({
  name: `an operation ${name}`,
  operation,
  ...refusal,
}));
