import { isoOf } from './date-time.js';
import { type Document, isObject, type Json } from './document.js';
import { etagOf, LIST_RESPONSE_URN, locationOf, type PageMarks, type StoredResource } from './messages.js';
import { cut, outlineOf, type Projection, pickExtensions } from './projection.js';
import type { ResourceType } from './schema.js';

/** Writes answers as JSON text, in which what the stores give as JSON is not read and written again. */

const withReferences = (baseUrl: string, endpoint: ResourceType['endpoint'], elements: Json): Json =>
  Array.isArray(elements) && elements.length > 0
    ? (elements as readonly Json[]).map((element) =>
        isObject(element) && typeof element.value === 'string'
          ? { ...element, $ref: locationOf(baseUrl, endpoint, element.value) }
          : element,
      )
    : elements;

/** The stated attributes, with absolute references. */
const referring = (document: Document, baseUrl: string): Document => {
  const { members, groups } = document;
  if (members === undefined && groups === undefined) return document;
  const copy = { ...document };
  if (members !== undefined) copy.members = withReferences(baseUrl, '/Users', members);
  if (groups !== undefined) copy.groups = withReferences(baseUrl, '/Groups', groups);
  return copy;
};

// The URNs and names of schemas hold nothing that JSON escapes.
const schemasJson = (type: ResourceType, { document, kept }: StoredResource): string => {
  let text = `["${type.core.id}"`;
  for (const { id } of type.extensions) if (document[id] !== undefined || kept?.extensions.includes(id)) text += `,"${id}"`;
  return `${text}]`;
};

const metaJson = (type: ResourceType, { id, created, lastModified, version }: StoredResource, baseUrl: string): string =>
  `{"resourceType":"${type.name}","created":"${isoOf(created)}","lastModified":"${isoOf(lastModified)}",` +
  `"location":${JSON.stringify(locationOf(baseUrl, type.endpoint, id))},"version":${JSON.stringify(etagOf(version))}}`;

/** The members of an object whose JSON is at hand, with a comma in front of each. */
const membersIn = (json: string): string => (json.length > 2 ? `,${json.slice(1, -1)}` : '');

const wholeJson = (type: ResourceType, resource: StoredResource, baseUrl: string): string => {
  const { document, raw, kept } = resource;
  let text = `{"schemas":${schemasJson(type, resource)},"id":${JSON.stringify(resource.id)}`;
  text += membersIn(JSON.stringify(referring(document, baseUrl)));
  if (kept !== undefined) text += membersIn(kept.json);
  if (raw !== undefined) for (const name of Object.keys(raw)) text += `,"${name}":${raw[name]}`;
  return `${text},"meta":${metaJson(type, resource, baseUrl)}}`;
};

/** What the stores do not read where nobody sees it. */
const READ_APART: ReadonlySet<string> = new Set(['groups', 'members']);

/** Whether everything that a projection leaves out was not even read. */
const isLeftOut = ({ mode, selection }: Projection, { document, raw }: StoredResource): boolean => {
  if (mode !== 'without') return false;
  for (const [name, parts] of selection) {
    const isHere = document[name] !== undefined || raw?.[name] !== undefined;
    if (parts.size > 0 || !READ_APART.has(name) || isHere) return false;
  }
  return true;
};

const projectedJson = (type: ResourceType, resource: StoredResource, baseUrl: string, projection: Projection): string => {
  const outline = outlineOf(type, projection);
  const kept: Document = resource.kept === undefined ? {} : JSON.parse(resource.kept.json);
  const document = referring({ ...resource.document, ...kept }, baseUrl);
  const jsonOf = (name: string): string | undefined => {
    switch (name) {
      case 'schemas':
        return schemasJson(type, resource);
      case 'id':
        return JSON.stringify(resource.id);
      case 'meta':
        return metaJson(type, resource, baseUrl);
      default:
        return resource.raw?.[name];
    }
  };
  let text = '';
  for (const { name, parts } of outline.core) {
    const json = jsonOf(name);
    if (json !== undefined && parts === undefined) {
      text += `,"${name}":${json}`;
      continue;
    }
    const value: Json | undefined = json === undefined ? document[name] : JSON.parse(json);
    if (value === undefined) continue;
    text += `,"${name}":${JSON.stringify(parts === undefined ? value : cut(projection, parts, value))}`;
  }
  text += membersIn(JSON.stringify(pickExtensions(projection, outline, document)));
  return `{${text.slice(1)}}`;
};

/** The resource as it goes over the wire, with what a projection leaves out left out. */
export const resourceJson = (type: ResourceType, resource: StoredResource, baseUrl: string, projection: Projection): string =>
  projection.mode === 'default' || isLeftOut(projection, resource)
    ? wholeJson(type, resource, baseUrl)
    : projectedJson(type, resource, baseUrl, projection);

/** A page of resources (RFC 7644 3.4.2), each of them JSON already. */
export const listJson = (resources: readonly string[], totalResults: number, marks: PageMarks): string =>
  `{"schemas":["${LIST_RESPONSE_URN}"],"totalResults":${totalResults}${membersIn(JSON.stringify(marks))},` +
  `"itemsPerPage":${resources.length},"Resources":[${resources.join(',')}]}`;
