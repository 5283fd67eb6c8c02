/**
 * What a SCIM schema says of an attribute (RFC 7643 section 7), and the look-ups that
 * filters, PATCH paths and projections share. Names and URNs are case-insensitive (RFC 7643 2.1).
 */

export type AttributeType = 'string' | 'boolean' | 'decimal' | 'integer' | 'dateTime' | 'binary' | 'reference' | 'complex';

export interface Attribute {
  readonly name: string;
  readonly type: AttributeType;
  readonly multiValued: boolean;
  readonly description: string;
  readonly required: boolean;
  readonly caseExact: boolean;
  readonly mutability: 'readOnly' | 'readWrite' | 'immutable' | 'writeOnly';
  readonly returned: 'always' | 'never' | 'default' | 'request';
  readonly uniqueness: 'none' | 'server' | 'global';
  readonly canonicalValues?: readonly string[];
  readonly referenceTypes?: readonly string[];
  readonly subAttributes?: readonly Attribute[];
}

export interface Schema {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly attributes: readonly Attribute[];
}

export interface ResourceType {
  readonly name: 'User' | 'Group';
  readonly endpoint: '/Users' | '/Groups';
  readonly description: string;
  readonly core: Schema;
  readonly extensions: readonly Schema[];
  /** RFC 7643 3.1: attributes of every resource, in no schema's list: schemas, id, externalId, meta. */
  readonly common: readonly Attribute[];
}

/** An attribute that a path or filter named, bound to the schema that defines it. */
export interface BoundAttribute {
  /** Set for an attribute of an extension: the key of the object that holds it in a resource. */
  readonly extension?: string;
  readonly attribute: Attribute;
  readonly subAttribute?: Attribute;
}

/** `[urn:]name[.sub]` as written, not yet bound. */
export interface AttributePath {
  readonly urn?: string;
  readonly name: string;
  readonly sub?: string;
}

const same = (a: string, b: string): boolean => a === b || a.toLowerCase() === b.toLowerCase();

type ByName = ReadonlyMap<string, Attribute>;

/** Schemas are constants, so each list of attributes is put in order once. */
const byName = new WeakMap<readonly Attribute[], ByName>();

const namesOf = (attributes: readonly Attribute[]): ByName => {
  const known = byName.get(attributes);
  if (known !== undefined) return known;
  const names = new Map<string, Attribute>();
  for (const attribute of attributes) {
    for (const name of [attribute.name, attribute.name.toLowerCase()]) if (!names.has(name)) names.set(name, attribute);
  }
  byName.set(attributes, names);
  return names;
};

export const findAttribute = (attributes: readonly Attribute[], name: string): Attribute | undefined => {
  const names = namesOf(attributes);
  return names.get(name) ?? names.get(name.toLowerCase());
};

const NONE: readonly Attribute[] = [];

export const subAttributesOf = ({ subAttributes }: Attribute): readonly Attribute[] => subAttributes ?? NONE;

const coreOf = new WeakMap<ResourceType, readonly Attribute[]>();

/** What a resource has outside of its extensions: the common attributes and those of the core schema. */
export const coreAttributes = (type: ResourceType): readonly Attribute[] => {
  const known = coreOf.get(type);
  if (known !== undefined) return known;
  const attributes = [...type.common, ...type.core.attributes];
  coreOf.set(type, attributes);
  return attributes;
};

export const findExtension = (type: ResourceType, urn: string): Schema | undefined =>
  type.extensions.find((schema) => same(schema.id, urn));

/** `name.givenName` and `urn:…:User:department` in their parts (RFC 7644 3.10); whether they name anything is for `bindPath` to say. */
export const splitPath = (text: string): AttributePath => {
  const colon = /^urn:/i.test(text) ? text.lastIndexOf(':') : -1;
  const rest = text.slice(colon + 1);
  const dot = rest.indexOf('.');
  return {
    ...(colon > 0 ? { urn: text.slice(0, colon) } : {}),
    name: dot < 0 ? rest : rest.slice(0, dot),
    ...(dot < 0 ? {} : { sub: rest.slice(dot + 1) }),
  };
};

/**
 * Binds a written path to the schema. Without a URN it is one of the core (RFC 7644 3.10: clients "MUST fully qualify extended attributes").
 * A multi-valued complex attribute without a sub-attribute stays without one here: whether that means `value` is the caller's to know.
 *
 * @returns undefined when no schema of the resource type has such an attribute.
 */
export const bindPath = (type: ResourceType, path: AttributePath): BoundAttribute | undefined => {
  const bindIn = (attributes: readonly Attribute[], extension?: string): BoundAttribute | undefined => {
    const attribute = findAttribute(attributes, path.name);
    if (attribute === undefined) return undefined;
    const owner = extension === undefined ? {} : { extension };
    if (path.sub === undefined) return { ...owner, attribute };
    const subAttribute = findAttribute(subAttributesOf(attribute), path.sub);
    return subAttribute === undefined ? undefined : { ...owner, attribute, subAttribute };
  };
  if (path.urn === undefined || same(path.urn, type.core.id)) return bindIn(coreAttributes(type));
  const extension = findExtension(type, path.urn);
  return extension && bindIn(extension.attributes, extension.id);
};

/** RFC 7643 2.3.1, 7: only strings and references can be case-exact; other types compare by value. */
export const comparesCaseExact = (attribute: Attribute): boolean =>
  attribute.caseExact || attribute.type === 'binary' || attribute.type === 'reference';
