import { type Operation, patchBody, provision } from '../support/provisioning.js';
import type { World } from '../support/test-world.js';

export interface Subject {
  readonly id: string;
  /** Applies the operations in one request, and gives the person afterwards. */
  patch(...operations: readonly Operation[]): Promise<Readonly<Record<string, unknown>>>;
  /** The scimType of the refusal. */
  refused(...operations: readonly Operation[]): Promise<unknown>;
}

/** Makes people to try operations on, each with a name of their own. */
export const subjects = (world: () => World): ((more?: object) => Promise<Subject>) => {
  const count = { people: 0 };
  return async (more = {}) => {
    const { scim } = world();
    count.people += 1;
    const { id } = await provision(world(), `person-${count.people}`, more);
    return {
      id,
      patch: async (...operations) => (await scim.patch(`/Users/${id}`, patchBody(...operations)).expect(200)).body,
      refused: async (...operations) => (await scim.patch(`/Users/${id}`, patchBody(...operations)).expect(400)).body.scimType,
    };
  };
};
