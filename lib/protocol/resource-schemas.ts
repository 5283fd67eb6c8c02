import type { Attribute, ResourceType, Schema } from './schema.js';

/** RFC 7643 4 and 8.7 as data. Only what this service provider does differently from the RFC's own table carries a comment. */

export const USER_URN = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const ENTERPRISE_URN = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
export const GROUP_URN = 'urn:ietf:params:scim:schemas:core:2.0:Group';

type Traits = Partial<Omit<Attribute, 'name' | 'description'>>;

const attribute = (name: string, description: string, traits: Traits = {}): Attribute => ({
  name,
  type: 'string',
  multiValued: false,
  description,
  required: false,
  caseExact: false,
  mutability: 'readWrite',
  returned: 'default',
  uniqueness: 'none',
  ...traits,
});

const complex = (name: string, description: string, subAttributes: readonly Attribute[], traits: Traits = {}): Attribute =>
  attribute(name, description, { type: 'complex', subAttributes, ...traits });

const reference = (name: string, description: string, referenceTypes: readonly string[], traits: Traits = {}): Attribute =>
  attribute(name, description, { type: 'reference', referenceTypes, caseExact: true, ...traits });

/** RFC 7643 2.4: the sub-attributes that multi-valued attributes share. */
const plural = (
  name: string,
  description: string,
  canonicalValues: readonly string[],
  value: Attribute = attribute('value', `One of the person's ${name}.`),
): Attribute =>
  complex(
    name,
    description,
    [
      value,
      attribute('display', 'A human-readable name, for display only.'),
      attribute('type', 'A label for the function of the value.', canonicalValues.length > 0 ? { canonicalValues } : {}),
      attribute('primary', 'Whether this is the preferred value; true on one value at most.', { type: 'boolean' }),
    ],
    { multiValued: true },
  );

export const USER_SCHEMA: Schema = {
  id: USER_URN,
  name: 'User',
  description: 'User Account',
  attributes: [
    attribute('userName', 'The name that identifies the person; unique, compared without case.', {
      required: true,
      uniqueness: 'server',
    }),
    complex('name', "The components of the person's name.", [
      attribute('formatted', 'The full name, formatted for display.'),
      attribute('familyName', 'The family name.'),
      attribute('givenName', 'The given name.'),
      attribute('middleName', 'The middle names.'),
      attribute('honorificPrefix', 'The honorific prefixes, or title.'),
      attribute('honorificSuffix', 'The honorific suffixes.'),
    ]),
    attribute('displayName', 'The name that Unleash shows.'),
    attribute('nickName', 'The casual name of the person.'),
    reference('profileUrl', "A URI that points to the person's profile.", ['external']),
    attribute('title', "The person's title, such as Vice President."),
    attribute('userType', 'The relation of the person to the organisation.'),
    attribute('preferredLanguage', 'The preferred written or spoken language, as in Accept-Language.'),
    attribute('locale', 'The default location for currency, dates and numbers.'),
    attribute('timezone', 'The time zone in the IANA database format.'),
    attribute('active', 'False: the person is suspended; sessions, tokens and roles are gone until it is true again.', {
      type: 'boolean',
    }),
    attribute('password', 'Accepted and never stored: Unleash takes no passwords from an identity provider.', {
      mutability: 'writeOnly',
      returned: 'never',
    }),
    plural('emails', 'E-mail addresses; the primary one, else the first, is the address in Unleash.', ['work', 'home', 'other']),
    plural('phoneNumbers', 'Phone numbers.', ['work', 'home', 'mobile', 'fax', 'pager', 'other']),
    plural('ims', 'Instant messaging addresses.', ['aim', 'gtalk', 'icq', 'xmpp', 'msn', 'skype', 'qq', 'yahoo']),
    plural('photos', 'URLs of photos.', ['photo', 'thumbnail'], reference('value', 'URL of a photo.', ['external'])),
    complex(
      'addresses',
      'Physical mailing addresses.',
      [
        attribute('formatted', 'The full address, formatted for display.'),
        attribute('streetAddress', 'Street, house number, apartment.'),
        attribute('locality', 'The city or locality.'),
        attribute('region', 'The state or region.'),
        attribute('postalCode', 'The zip code or postal code.'),
        attribute('country', 'The country name.'),
        attribute('type', 'A label for the function of the address.', { canonicalValues: ['work', 'home', 'other'] }),
        attribute('primary', 'Whether this is the preferred address.', { type: 'boolean' }),
      ],
      { multiValued: true },
    ),
    complex(
      'groups',
      'The groups that the person belongs to; changed through the groups.',
      [
        attribute('value', 'The id of the group.', { mutability: 'readOnly', caseExact: true }),
        reference('$ref', 'The URI of the group.', ['Group'], { mutability: 'readOnly' }),
        attribute('display', 'The name of the group.', { mutability: 'readOnly' }),
        attribute('type', 'How the person belongs to the group.', {
          mutability: 'readOnly',
          canonicalValues: ['direct', 'indirect'],
        }),
      ],
      { multiValued: true, mutability: 'readOnly' },
    ),
    plural('entitlements', 'Kept as data; never permissions in Unleash.', []),
    plural('roles', 'Kept as data; never permissions in Unleash.', []),
    plural(
      'x509Certificates',
      'Certificates of the person.',
      [],
      attribute('value', 'An X.509 certificate, base64.', { type: 'binary', caseExact: true }),
    ),
  ],
};

export const ENTERPRISE_SCHEMA: Schema = {
  id: ENTERPRISE_URN,
  name: 'EnterpriseUser',
  description: 'Enterprise User',
  attributes: [
    attribute('employeeNumber', 'The identifier that the organisation gave the person.'),
    attribute('costCenter', 'The name of a cost center.'),
    attribute('organization', 'The name of an organisation.'),
    attribute('division', 'The name of a division.'),
    attribute('department', 'The name of a department.'),
    complex('manager', "The person's manager.", [
      attribute('value', 'The id of the manager.', { caseExact: true }),
      reference('$ref', 'The URI of the manager.', ['User']),
      // RFC 7643 4.3 makes displayName read-only; it is never computed here, so what the identity provider states is kept.
      attribute('displayName', "The manager's name."),
    ]),
  ],
};

export const GROUP_SCHEMA: Schema = {
  id: GROUP_URN,
  name: 'Group',
  description: 'Group',
  attributes: [
    // RFC 7643 8.7.1 does not demand uniqueness; Unleash does, and so do clients that find a group by its name.
    attribute('displayName', 'The name of the group; unique, compared without case.', { required: true, uniqueness: 'server' }),
    complex(
      'members',
      'The people in the group. Groups in groups are not supported.',
      [
        attribute('value', 'The id of the person.', { mutability: 'immutable', caseExact: true }),
        reference('$ref', 'The URI of the person.', ['User'], { mutability: 'immutable' }),
        attribute('type', 'Always User.', { mutability: 'immutable', canonicalValues: ['User'] }),
        attribute('display', "The person's name.", { mutability: 'readOnly' }),
      ],
      { multiValued: true },
    ),
  ],
};

/** RFC 7643 3 and 3.1. */
const COMMON: readonly Attribute[] = [
  reference('schemas', 'The URIs of the schemas that the resource uses.', ['uri'], {
    multiValued: true,
    required: true,
    returned: 'always',
  }),
  attribute('id', 'The identifier that this service gave the resource.', {
    caseExact: true,
    mutability: 'readOnly',
    returned: 'always',
    uniqueness: 'server',
  }),
  attribute('externalId', 'The identifier that the identity provider gave the resource.', { caseExact: true }),
  complex(
    'meta',
    'What this service knows about the resource.',
    [
      attribute('resourceType', 'User or Group.', { caseExact: true, mutability: 'readOnly' }),
      attribute('created', 'When the resource was created.', { type: 'dateTime', mutability: 'readOnly' }),
      attribute('lastModified', 'When the resource was last changed.', { type: 'dateTime', mutability: 'readOnly' }),
      reference('location', 'The URI of the resource.', ['uri'], { mutability: 'readOnly' }),
      attribute('version', 'The version of the resource, as in its ETag.', { caseExact: true, mutability: 'readOnly' }),
    ],
    { mutability: 'readOnly' },
  ),
];

export const USER_RESOURCE_TYPE: ResourceType = {
  name: 'User',
  endpoint: '/Users',
  description: 'People who may use Unleash',
  core: USER_SCHEMA,
  extensions: [ENTERPRISE_SCHEMA],
  common: COMMON,
};

export const GROUP_RESOURCE_TYPE: ResourceType = {
  name: 'Group',
  endpoint: '/Groups',
  description: 'Groups of people, which Unleash gives roles to',
  core: GROUP_SCHEMA,
  extensions: [],
  common: COMMON,
};
