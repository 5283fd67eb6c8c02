import { beforeAll, describe, expect, test } from '@jest/globals';
import { groupBody, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

const world = withWorld();
const ids: Record<string, string> = {};

beforeAll(async () => {
  const make = async (userName: string, more: object): Promise<void> => {
    ids[userName] = (await world().scim.post('/Users', userBody(userName, more)).expect(201)).body.id;
  };
  await make('ada', {
    externalId: 'Ext-A',
    title: 'Countess',
    name: { givenName: 'Ada', familyName: 'Lovelace' },
    emails: [
      { value: 'ada@work.example', type: 'work', primary: true },
      { value: 'ada@home.example', type: 'home' },
    ],
    x509Certificates: [{ value: 'TUlJRA==' }],
    [ENTERPRISE]: { department: 'Engines' },
  });
  await make('bob', { title: 'Clerk', emails: [{ value: 'bob@home.example', type: 'work' }] });
  await make('cyd', { name: { givenName: 'Cyd' }, active: false });
  await world()
    .scim.post('/Groups', groupBody('Readers', [ids.ada ?? '']))
    .expect(201);
});

const found = async (filter: string, path = '/Users'): Promise<readonly string[]> => {
  const { body } = await world()
    .scim.get(`${path}?${new URLSearchParams({ filter })}`)
    .expect(200);
  return body.Resources.map(({ userName, displayName }: Readonly<Record<string, string>>) => userName ?? displayName);
};

const refusal = async (filter: string): Promise<unknown> =>
  (
    await world()
      .scim.get(`/Users?${new URLSearchParams({ filter })}`)
      .expect(400)
  ).body.scimType;

describe('operators', () => {
  test.each<readonly [string, readonly string[]]>([
    ['userName eq "ADA"', ['ada']],
    ['userName ne "ada"', ['bob', 'cyd']],
    ['title co "OUNT"', ['ada']],
    ['title sw "c"', ['ada', 'bob']],
    ['title ew "K"', ['bob']],
    ['title sw "Clerk"', ['bob']],
    ['title ew "Clerk"', ['bob']],
    ['title pr', ['ada', 'bob']],
    ['name pr', ['ada', 'cyd']],
    ['emails pr', ['ada', 'bob']],
    ['nickName pr', []],
    ['userName gt "ada"', ['bob', 'cyd']],
    ['userName ge "bob"', ['bob', 'cyd']],
    ['userName lt "bob"', ['ada']],
    ['userName le "bob"', ['ada', 'bob']],
    ['active eq false', ['cyd']],
    ['active eq true', ['ada', 'bob']],
  ])('match as RFC 7644 table 3 has it: %s', async (filter, expected) => {
    expect(await found(filter)).toEqual(expected);
  });

  test('compare times as times', async () => {
    expect(await found('meta.created gt "2001-01-01T00:00:00Z" and meta.created lt "2101-01-01T02:00:00+02:00"')).toHaveLength(3);
    expect(await found('meta.lastModified le "2001-01-01T00:00:00Z"')).toEqual([]);
  });

  test('that order refuse booleans and certificates', async () => {
    for (const op of ['gt', 'ge', 'lt', 'le']) {
      expect([await refusal(`active ${op} true`), await refusal(`x509Certificates.value ${op} "TUl"`)]).toEqual([
        'invalidFilter',
        'invalidFilter',
      ]);
    }
  });

  test('that nobody knows are refused and named', async () => {
    const { body } = await world().scim.get('/Users?filter=userName%20regex%20%22a%22').expect(400);
    expect([body.scimType, body.detail]).toEqual(['invalidFilter', expect.stringContaining('regex')]);
  });

  test('and names of attributes count in any case', async () => {
    expect(await found('USERNAME EQ "ada" AND NOT (Title PR AND title Eq "Clerk")')).toEqual(['ada']);
  });
});

describe('case', () => {
  test('counts where an attribute is caseExact, and nowhere else', async () => {
    expect([await found('externalId eq "Ext-A"'), await found('externalId eq "ext-a"')]).toEqual([['ada'], []]);
    expect(await found(`id eq "${ids.ada?.toUpperCase()}"`)).toEqual([]);
    expect(await found('name.givenName eq "ADA"')).toEqual(['ada']);
  });
});

describe('expressions', () => {
  test('bind not before and, and and before or', async () => {
    expect(await found('userName eq "ada" or userName eq "bob" and title eq "nothing"')).toEqual(['ada']);
    expect(await found('not (userName eq "ada") and title pr')).toEqual(['bob']);
  });

  test('follow brackets before all else', async () => {
    expect(await found('(userName eq "ada" or userName eq "bob") and title eq "Clerk"')).toEqual(['bob']);
    expect(await found('not ((userName eq "ada") or (userName eq "bob"))')).toEqual(['cyd']);
  });

  test('of one attribute alone, or of nothing, are refused', async () => {
    expect([await refusal('userName'), await refusal(' '), await refusal('userName eq')]).toEqual(Array(3).fill('invalidFilter'));
  });

  test('read the escapes of JSON in a string', async () => {
    expect(await found('title eq "\\u0043ountess"')).toEqual(['ada']);
  });
});

describe('multi-valued attributes', () => {
  test('match where one of their values does', async () => {
    expect(await found('emails.value co "home.example"')).toEqual(['ada', 'bob']);
    expect(await found('emails.type eq "home"')).toEqual(['ada']);
  });

  test('match by their value where no sub-attribute is named', async () => {
    expect(await found('emails co "home.example"')).toEqual(['ada', 'bob']);
  });

  test('match one and the same value in a value path', async () => {
    expect(await found('emails[type eq "work" and value co "home.example"]')).toEqual(['bob']);
    expect(await found('emails.type eq "work" and emails.value co "home.example"')).toEqual(['ada', 'bob']);
    expect(await found('emails[not (type eq "work")]')).toEqual(['ada']);
  });

  test('of a group match by a member', async () => {
    expect(await found(`members.value eq "${ids.ada}"`, '/Groups')).toEqual(['Readers']);
    expect(await found(`members[value eq "${ids.bob}"]`, '/Groups')).toEqual([]);
    expect(await found('groups.display eq "readers"')).toEqual(['ada']);
  });
});

describe('names', () => {
  test('may be full, of the core schema and of an extension', async () => {
    expect(await found(`${USER}:userName eq "ada"`)).toEqual(['ada']);
    expect(await found(`${USER}:name.givenName eq "cyd"`)).toEqual(['cyd']);
    expect(await found(`${ENTERPRISE}:department eq "engines"`)).toEqual(['ada']);
  });

  test('of schemas find who uses an extension', async () => {
    expect(await found(`schemas eq "${ENTERPRISE}"`)).toEqual(['ada']);
  });

  test('that no schema has are refused, so that nobody takes everybody for a match', async () => {
    expect([await refusal('shoeSize eq 42'), await refusal('shoeSize pr'), await refusal('name.shoe pr')]).toEqual(
      Array(3).fill('invalidFilter'),
    );
  });

  test('of the password are refused', async () => {
    expect([await refusal('password eq "x"'), await refusal('password pr')]).toEqual(['invalidFilter', 'invalidFilter']);
  });
});

describe('values', () => {
  test('of the wrong type are refused', async () => {
    expect([
      await refusal('userName eq 5'),
      await refusal('active eq "perhaps"'),
      await refusal('meta.created gt "then"'),
    ]).toEqual(Array(3).fill('invalidFilter'));
  });

  test('of an attribute that was defaulted are those that were returned', async () => {
    expect(await found('userName eq "bob" and active eq true and active pr')).toEqual(['bob']);
  });

  test('of primary count only where they are stated', async () => {
    expect([await found('emails.primary eq true'), await found('emails.primary eq false')]).toEqual([['ada'], []]);
  });

  test('that no name can hold match nobody', async () => {
    expect(await found('userName eq "\\u0000" or title co "\\ud800"')).toEqual([]);
  });

  test('of null stand for nothing there', async () => {
    expect([await found('title eq null'), await found('title ne null')]).toEqual([['cyd'], ['ada', 'bob']]);
  });
});
