import { setActive } from '../support/provisioning.js';
import type { Script } from './contest.js';
import { type Exercise, inTurn, withLeast } from './exercise.js';
import { externalIdOf, type Person, personBody, type Subject, userNameOf } from './subject.js';

const AS_FLOOR = { speed: 0.8, cpu: 1.3 };
/** The floor neither ends sessions nor takes roles and remembers them. */
const OF_ACTIVE = { speed: 0.5 };

/** Counts up without end. */
const counter = (): (() => number) => {
  let turn = 0;
  return () => {
    turn += 1;
    return turn;
  };
};

export const createPeople = (subject: Subject): Script => {
  const numbers = new Map<string, number>();
  return {
    status: 201,
    next: () => {
      const number = subject.nextNumber();
      const body = personBody(number);
      numbers.set(body, number);
      return { method: 'POST', path: '/Users', body };
    },
    read: (answer, { body = '' }) => {
      subject.created(numbers.get(body) ?? 0, answer);
      numbers.delete(body);
    },
  };
};

const readPeople = (subject: Subject): Script => {
  const turn = counter();
  return { status: 200, next: () => ({ method: 'GET', path: `/Users/${subject.person(turn()).id}` }) };
};

const LOOKUPS = {
  userName: ({ number }) => userNameOf(number),
  externalId: ({ number }) => externalIdOf(number),
  'emails.value': ({ number }) => userNameOf(number),
  id: ({ id }) => id,
} as const satisfies Readonly<Record<string, (person: Person) => string>>;

/** What people are found by through an index. */
export type LookupAttribute = keyof typeof LOOKUPS;
export const LOOKUP_ATTRIBUTES = Object.keys(LOOKUPS) as readonly LookupAttribute[];

export const lookupPath = (attribute: LookupAttribute, person: Person): string =>
  `/Users?filter=${encodeURIComponent(`${attribute} eq "${LOOKUPS[attribute](person)}"`)}`;

export const lookUpPeople =
  (attribute: LookupAttribute) =>
  (subject: Subject): Script => {
    const turn = counter();
    return { status: 200, next: () => ({ method: 'GET', path: lookupPath(attribute, subject.person(turn())) }) };
  };

/** People of one half, so that what is never changed and what is changed all the time keep apart. */
const personOfHalf = (subject: Subject, half: 0 | 1, turn: number): Person => {
  const size = subject.people.length >> 1;
  const person = subject.people[half * size + (turn % size)];
  if (person === undefined) throw new Error(`${subject.name} has too few people`);
  return person;
};

const replaceUnchanged = (subject: Subject): Script => {
  const turn = counter();
  return {
    status: 200,
    next: () => {
      const { id, number } = personOfHalf(subject, 0, turn() * 31);
      return { method: 'PUT', path: `/Users/${id}`, body: personBody(number) };
    },
  };
};

const replaceChanged = (subject: Subject): Script => ({
  status: 200,
  next: () => {
    const edition = subject.nextEdition();
    const { id, number } = personOfHalf(subject, 1, edition * 17);
    return { method: 'PUT', path: `/Users/${id}`, body: personBody(number, edition) };
  },
});

/** So many people are suspended, then the same ones resumed: nobody is in two requests at once. */
const switchActive =
  (group: number) =>
  (subject: Subject): Script => {
    let turn = 0;
    return {
      status: 200,
      next: () => {
        const active = Math.floor(turn / group) % 2 === 1;
        const { id } = personOfHalf(subject, 1, (turn % group) * 13);
        turn += 1;
        return { method: 'PATCH', path: `/Users/${id}`, body: JSON.stringify(setActive(active)) };
      },
    };
  };

/** Everything about single people but creates, which are timed while people come. */
export const peopleExercises = (small: Subject): readonly Exercise[] => {
  const both = (name: string, script: Exercise['script'], goals: Exercise['goals'] = AS_FLOOR): readonly Exercise[] => [
    { name, plan: inTurn(1), script, goals },
    { name: `${name}, 10 at once`, plan: inTurn(10), script, goals },
  ];
  const lookups = (['userName', 'externalId', 'emails.value'] as const).flatMap((attribute) => {
    const script = lookUpPeople(attribute);
    const reference = { name: `among ${small.people.length} people`, subject: small, script };
    const [one, ten] = both(`look up by ${attribute}`, script);
    return one === undefined || ten === undefined ? [] : [{ ...one, reference, goals: { ...AS_FLOOR, flat: 1.2 } }, ten];
  });
  const active = (concurrency: 1 | 10): Exercise['plan'] => ({
    ...inTurn(concurrency),
    warmUp: 2 * inTurn(concurrency).requests,
  });
  return [
    ...both('get', readPeople).map(withLeast),
    ...lookups,
    ...both('PUT without a change', replaceUnchanged),
    ...both('PUT with a change', replaceChanged).map(withLeast),
    ...([1, 10] as const).map((concurrency) => ({
      name: concurrency === 1 ? 'PATCH active' : 'PATCH active, 10 at once',
      plan: active(concurrency),
      script: switchActive(inTurn(concurrency).requests / 2),
      goals: OF_ACTIVE,
    })),
  ];
};
