import { describe, expect, test } from '@jest/globals';
import { parseFilter, resolveFilter } from '../../lib/protocol/filter.js';
import { USER_RESOURCE_TYPE } from '../../lib/protocol/resource-schemas.js';
import { compileFilter, type FilterColumns } from '../../lib/sql/filter-sql.js';
import { sql } from '../../lib/sql/sql.js';

const columns: FilterColumns = {
  column: ({ attribute, subAttribute }) =>
    attribute.name === 'emails' && subAttribute?.name === 'value'
      ? { kind: 'lookup', equals: (value) => sql`by_index(${value})` }
      : undefined,
  elements: () => undefined,
  document: sql`document`,
};

const compiled = (text: string): { readonly text: string; readonly values: readonly unknown[] } =>
  compileFilter(resolveFilter(USER_RESOURCE_TYPE, parseFilter(text)), columns).toQuery();

describe('compileFilter', () => {
  test.each(['emails eq "a@b"', 'emails[value eq "a@b"]', 'emails[type eq "work" and value eq "a@b"]'])(
    'lets the index serve %s',
    (text) => {
      expect(compiled(text).text).toContain('by_index($1)');
      expect(compiled(text).values[0]).toBe('a@b');
    },
  );

  test.each(['emails co "a@b"', 'emails eq ""', 'emails[type eq "work" or value eq "a@b"]', 'emails eq "\\u0000"'])(
    'reads the document for %s',
    (text) => {
      expect(compiled(text).text).not.toContain('by_index');
    },
  );

  test('keeps what the client wrote out of the statement', () => {
    const { text, values } = compiled(`userName eq "x' OR 1=1 --" and title co "50%_"`);
    expect(text).not.toContain('1=1');
    expect(values).toEqual(expect.arrayContaining(["x' OR 1=1 --", '%50\\%\\_%']));
  });

  test.each(['userName eq "\\u0000"', 'userName gt "\\ud800"', 'emails.value co "\\udc00"', 'userName eq "a\\u0000"'])(
    'sends nothing that Postgres cannot hold for %s',
    (text) => {
      const { values } = compiled(text);
      for (const value of values) expect(String(value).isWellFormed() && !String(value).includes('\u0000')).toBe(true);
    },
  );
});
