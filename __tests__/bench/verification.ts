import { addMembers, patchBody, removeMember, setActive } from '../support/provisioning.js';
import type { HttpRequest } from './http-connection.js';
import { offsetOf, PLACES, pageByCursor, pageByIndex } from './list-exercises.js';
import { LOOKUP_ATTRIBUTES, lookupPath } from './people-exercises.js';
import { personBody, type Subject, userNameOf } from './subject.js';

/** Collects what is wrong. A fast wrong answer must not win. */
class Findings {
  readonly faults: string[] = [];
  readonly #subject: Subject;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  equal(what: string, found: unknown, wanted: unknown): void {
    if (found !== wanted) this.faults.push(`${this.#subject.name}: ${what} is ${String(found)}, not ${String(wanted)}`);
  }
}

const write = (method: 'POST' | 'PUT' | 'PATCH', path: string, body: object | string): HttpRequest => ({
  method,
  path,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

/** Does once what is measured later, and looks whether it had its effect. @returns what is wrong. */
export const verifyAnswers = async (subject: Subject): Promise<readonly string[]> => {
  const findings = new Findings(subject);
  const read = async (path: string) => JSON.parse(await subject.expect(200, { method: 'GET', path }));
  const number = subject.nextNumber();
  const body = personBody(number);
  const created = JSON.parse(await subject.expect(201, write('POST', '/Users', body)));
  const path = `/Users/${created.id}`;
  findings.equal('a second create', (await subject.send(write('POST', '/Users', body))).status, 409);
  const before = await read(path);
  findings.equal('userName', before.userName, userNameOf(number));
  findings.equal('externalId', before.externalId, JSON.parse(body).externalId);

  if (subject.kind !== 'least') {
    await subject.expect(200, write('PUT', path, body));
    findings.equal('the version after a PUT without a change', (await read(path)).meta.version, before.meta.version);
  }
  await subject.expect(200, write('PUT', path, personBody(number, 1)));
  const changed = await read(path);
  findings.equal('the family name after a PUT', changed.name.familyName, 'Family1');
  if (subject.kind === 'scim') findings.equal('a new version', changed.meta.version !== before.meta.version, true);

  const { id: group } = await subject.createGroup();
  const members = async (): Promise<string> => {
    const { members: shown = [] } = await read(`/Groups/${group}`);
    return shown.map(({ value }: { readonly value: string }) => value).join();
  };
  const patch = (change: object) => subject.expect(204, write('PATCH', `/Groups/${group}`, change));
  await patch(addMembers(created.id));
  findings.equal('the member who was added', await members(), created.id);
  await patch(removeMember(created.id));
  findings.equal('members after a removal', await members(), '');
  if (subject.kind === 'least') return findings.faults;

  for (const attribute of LOOKUP_ATTRIBUTES) {
    const { Resources, totalResults } = await read(lookupPath(attribute, { id: created.id, number }));
    findings.equal(`a search by ${attribute}`, `${totalResults} ${Resources?.[0]?.id}`, `1 ${created.id}`);
  }

  for (const active of [false, true]) {
    await subject.expect(200, write('PATCH', path, setActive(active)));
    findings.equal('active', (await read(path)).active, active);
  }
  await patch(patchBody({ op: 'replace', path: 'members', value: [{ value: created.id }] }));
  findings.equal('the member who replaces', await members(), created.id);
  await subject.expect(204, { method: 'DELETE', path: `/Groups/${group}` });
  await subject.expect(204, { method: 'DELETE', path });
  findings.equal('a read after the delete', (await subject.send({ method: 'GET', path })).status, 404);
  return findings.faults;
};

const idsOnPage = (page: { readonly Resources: readonly { readonly id: string }[] }): string =>
  page.Resources.map(({ id }) => id).join();

/** Looks whether everything is there that was made: people, members, and an event for each change. @returns what is wrong. */
export const verifyContent = async (subject: Subject): Promise<readonly string[]> => {
  const findings = new Findings(subject);
  const read = async (request: HttpRequest) => JSON.parse(await subject.expect(200, request));
  const people = subject.people.length;
  const seen = new Set<string>();
  for (const place of PLACES) {
    const offset = offsetOf(place, people);
    const page = await read(pageByIndex(offset).next());
    findings.equal(`totalResults of the ${place} page`, page.totalResults, people);
    findings.equal(`the length of the ${place} page`, page.Resources.length, Math.min(100, people - offset));
    seen.add(idsOnPage(page));
    if (place === 'first') {
      findings.equal('the first page by cursor', idsOnPage(await read(pageByCursor('').next())), idsOnPage(page));
    }
  }
  findings.equal('different pages', seen.size, new Set(PLACES.map((place) => offsetOf(place, people))).size);
  for (const [size, group] of subject.groups) {
    const { members } = await read({ method: 'GET', path: `/Groups/${group.id}` });
    findings.equal(`the members of the group of ${size}`, members.length, Math.min(size, people));
  }
  const log = subject.kind === 'scim' ? 'events' : 'floor.events';
  const [row] = await subject.database.query<{ count: number }>(
    `SELECT count(*)::integer AS count FROM ${log} WHERE type = 'user-created'`,
  );
  findings.equal('an event for each person', (row?.count ?? 0) >= people, true);
  return findings.faults;
};
