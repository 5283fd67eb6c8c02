/** What a client knows of a person or a group: its id, and the newest version that anybody was told of. */
interface Known {
  readonly id: string;
  readonly version: number | undefined;
}

/** What the clients of a soak know together, by the places of their plans. */
export class Directory {
  readonly #people = new Map<number, Known>();
  readonly #groups = new Map<number, Known>();
  /** Keeps the names of one soak apart from those of another. */
  readonly #domain: string;

  constructor(domain: string) {
    this.#domain = domain;
  }

  person(place: number): Known | undefined {
    return this.#people.get(place);
  }

  group(place: number): Known | undefined {
    return this.#groups.get(place);
  }

  peopleIds(places: readonly number[]): readonly string[] {
    return [...new Set(places.flatMap((place) => this.#people.get(place)?.id ?? []))];
  }

  /** The place of a person, in any of the spellings that are one name. */
  userName(place: number, spelling: number): string {
    const name = `person${place}@${this.#domain}`;
    return [name, name.toUpperCase(), name.replace('p', 'P')][spelling % 3] ?? name;
  }

  /** Mostly the person's own address; sometimes one that several want. */
  email(place: number, choice: number): string {
    return choice % 5 === 0 ? `alias${place % 3}@${this.#domain}` : `person${place}@${this.#domain}`;
  }

  externalId(place: number, choice: number): string | null {
    if (choice % 7 === 0) return `shared-${place % 3}-${this.#domain}`;
    return choice % 2 === 0 ? `own-${place}-${this.#domain}` : null;
  }

  /** Few names for the groups, so that some want the same. */
  groupName(place: number, spelling: number): string {
    const name = `group ${place} of ${this.#domain}`;
    return spelling % 2 === 0 ? name : name.toUpperCase();
  }

  learn(on: 'person' | 'group', place: number, id: string, version: number | undefined): void {
    const all = on === 'person' ? this.#people : this.#groups;
    const before = all.get(place);
    if (before?.id === id && (before.version ?? 0) > (version ?? 0)) return;
    all.set(place, { id, version });
  }

  forget(on: 'person' | 'group', place: number, id: string): void {
    const all = on === 'person' ? this.#people : this.#groups;
    if (all.get(place)?.id === id) all.delete(place);
  }
}
