import { join } from 'node:path';
import { OpenApiSpecLoader } from 'express-openapi-validator/dist/framework/openapi.spec.loader.js';
import fc from 'fast-check';
import { ENTERPRISE_URN, PATCH_URN } from '../conformance/bad-input/bad-input.js';
import { GROUP_SCHEMA, USER_SCHEMA } from '../support/provisioning.js';

/** Requests as the project's own OpenAPI document has them; what the document leaves open is filled with what SCIM means by it. */

export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** The part of JSON Schema that the document uses. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
}

interface Operation {
  readonly $ref?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly $ref?: string; readonly content?: Readonly<Record<string, { readonly schema: Schema }>> };
}

/** A request that the document allows. Ids stand as `$USER`, `$OTHER` and `$GROUP`. */
export interface Allowed {
  readonly method: string;
  readonly path: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  readonly body: Plain | undefined;
}

const METHODS: ReadonlySet<string> = new Set(['get', 'put', 'post', 'patch', 'delete']);

const text = fc.oneof(
  fc.constantFrom('Ada', 'ada@example.com', 'other@example.com', 'Analysts', 'admin', '', ' ', 'Ünïcödé 😀', 'work'),
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const id = fc.constantFrom(
  '$USER',
  '$OTHER',
  '$GROUP',
  '2819c223-7f76-453a-919d-413861904646',
  'x',
  '1',
  '-1337',
  'User',
  USER_SCHEMA,
);
const attribute = fc.constantFrom(
  ...['userName', 'displayName', 'emails', 'emails.value', 'emails[type eq "work"].value', 'name.givenName', 'active', 'title'],
  ...['members', 'members[value eq "$USER"]', 'externalId', 'meta.created', 'id', 'groups', 'roles[primary eq true]', 'nickName'],
  ...[`${ENTERPRISE_URN}:department`, `${ENTERPRISE_URN}:manager`, 'addresses[type eq "home"].country', 'password', 'schemas'],
);
const literal = fc.oneof(
  text.map((value) => JSON.stringify(value)),
  fc.constantFrom('true', 'false', 'null', '0', '-1e5', '"2026-07-21T09:00:00Z"'),
);
const term = fc.oneof(
  fc
    .tuple(attribute, fc.constantFrom('eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'), literal)
    .map((parts) => parts.join(' ')),
  attribute.map((name) => `${name} pr`),
);
const filter = fc
  .tuple(fc.array(term, { minLength: 1, maxLength: 3 }), fc.constantFrom(' and ', ' or '), fc.constantFrom('', 'not '))
  .map(([terms, joint, not]) => (not === '' ? terms.join(joint) : `${not}(${terms.join(joint)})`));

const element = fc.record(
  {
    value: fc.oneof<fc.Arbitrary<Plain>[]>(id, text),
    type: fc.constantFrom('work', 'home', 'User'),
    primary: fc.boolean(),
    display: text,
  },
  { requiredKeys: ['value'] },
);
const object = fc.dictionary(
  fc.constantFrom('givenName', 'familyName', 'formatted', 'department', 'manager', 'value', 'displayName'),
  fc.oneof<fc.Arbitrary<Plain>[]>(text, element),
  { noNullPrototype: true, maxKeys: 3 },
);
const anything = fc.oneof<fc.Arbitrary<Plain>[]>(
  text,
  fc.boolean(),
  object,
  fc.array(element, { maxLength: 3 }),
  fc.constant(null),
);

const patchOperation = fc.record<Record<string, Plain>>(
  { op: fc.constantFrom('add', 'remove', 'replace', 'Add', 'Replace'), path: attribute, value: anything },
  { requiredKeys: ['op'] },
);
const bulkOperation = fc.record<Record<string, Plain>>(
  {
    method: fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE'),
    path: fc.constantFrom('/Users', '/Groups', '/Users/$USER', '/Groups/$GROUP', '/Users/bulkId:a', '/Users/x'),
    bulkId: fc.constantFrom('a', 'b', 'c'),
    data: fc.oneof<fc.Arbitrary<Plain>[]>(
      fc.record({ userName: text, displayName: text, members: fc.array(element, { maxLength: 2 }) }, { requiredKeys: [] }),
      fc.array(patchOperation, { maxLength: 2 }).map((Operations) => ({ Operations })),
    ),
  },
  { requiredKeys: ['method', 'path'] },
);

/** What stands under a name, where the schema says little more than its type. */
const NAMED: Readonly<Record<string, fc.Arbitrary<Plain>>> = {
  filter,
  sortBy: attribute,
  sortOrder: fc.constantFrom('ascending', 'descending'),
  startIndex: fc.constantFrom('1', '0', '-1', '2', '999999999999'),
  count: fc.constantFrom('0', '1', '10', '-5', '100000'),
  cursor: fc.constantFrom('', 'x', 'AAAA'),
  attributes: fc.array(attribute, { maxLength: 3 }).map((names) => names.join(',')),
  excludedAttributes: attribute,
  failOnErrors: fc.constantFrom(0, 1, 2),
  schemas: fc.array(fc.constantFrom(USER_SCHEMA, GROUP_SCHEMA, PATCH_URN, ENTERPRISE_URN), { maxLength: 2 }),
};

const OPERATIONS: Readonly<Record<string, fc.Arbitrary<Plain>>> = {
  PatchOp: fc.array(patchOperation, { minLength: 1, maxLength: 3 }),
  BulkRequest: fc.array(bulkOperation, { maxLength: 4 }),
};

/** Reads the document, by the library that validates requests by it. */
export const readContract = async (): Promise<fc.Arbitrary<Allowed>> => {
  const { apiDoc } = await new OpenApiSpecLoader({
    apiDoc: join(process.cwd(), 'openapi', 'scim.yaml'),
    validateApiSpec: false,
  }).load();

  const resolve = <Part extends { readonly $ref?: string }>(part: Part): Part =>
    part.$ref === undefined
      ? part
      : (part.$ref
          .slice(2)
          .split('/')
          .reduce<Record<string, unknown>>(
            (at, key) => at[key] as Record<string, unknown>,
            apiDoc as unknown as Record<string, unknown>,
          ) as Part);

  const arbitraryOf = (name: string, given: Schema, owner: string): fc.Arbitrary<Plain> => {
    const schema = resolve(given);
    const types = [schema.type ?? []].flat();
    if (name === 'Operations' && OPERATIONS[owner] !== undefined) return OPERATIONS[owner];
    if (NAMED[name] !== undefined) return NAMED[name];
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    if (schema.properties !== undefined) return objectOf(schema, owner);
    if (types.includes('boolean')) return fc.boolean();
    if (types.includes('array')) return fc.array(element, { maxLength: 3 });
    if (types.includes('object')) return object;
    return types.includes('integer') ? fc.integer() : text;
  };

  const objectOf = ({ properties = {} }: Schema, owner: string): fc.Arbitrary<Plain> => {
    const members = Object.entries(properties).map(([name, schema]) => [name, arbitraryOf(name, schema, owner)] as const);
    const required = Object.keys(properties).filter((name) => ['userName', 'Operations'].includes(name));
    return fc.record<Record<string, Plain>>(Object.fromEntries(members), { requiredKeys: required });
  };

  const allowed = Object.entries(apiDoc.paths ?? {}).flatMap(([path, item]) => {
    const common = (item as Operation).parameters ?? [];
    return Object.entries(item as Readonly<Record<string, Operation>>).flatMap(([method, operation]) => {
      if (!METHODS.has(method)) return [];
      const parameters = [...common, ...(operation.parameters ?? [])]
        .map(resolve)
        .filter((parameter) => parameter.in === 'query');
      const schema = operation.requestBody && resolve(operation.requestBody).content?.['application/scim+json']?.schema;
      const query = fc.record<Record<string, Plain>>(
        Object.fromEntries(parameters.map(({ name }) => [name, NAMED[name] ?? text])),
        { requiredKeys: [] },
      );
      const body =
        schema === undefined ? fc.constant(undefined) : objectOf(resolve(schema), schema.$ref?.split('/').at(-1) ?? '');
      const arbitrary = fc.tuple(id, query, body).map(
        ([one, parameters, sent]): Allowed => ({
          method: method.toUpperCase(),
          path: path.replace('{id}', one),
          query: Object.entries(parameters).map(([name, value]) => [name, String(value)] as const),
          body: sent,
        }),
      );
      // There is more to bend where there is a body.
      return [{ arbitrary, weight: schema === undefined ? 1 : 4 }];
    });
  });
  if (allowed.length < 20) throw new Error(`the OpenAPI document has but ${allowed.length} operations`);
  return fc.oneof(...allowed);
};
