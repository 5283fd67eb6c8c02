import fc from 'fast-check';
import type { ScimModel } from '../support/scim-model.js';
import type { Command, Real } from './model-command.js';
import { createGroup, deleteGroup, echoGroup, findGroups, modifyGroup, replaceGroup } from './model-groups.js';
import { createPerson, deletePerson, echoPerson, findPeople, modifyPerson, replacePerson } from './model-people.js';

const often = (weight: number, arbitrary: fc.Arbitrary<Command>): readonly fc.Arbitrary<Command>[] =>
  Array.from({ length: weight }, () => arbitrary);

/** Sequences of what identity providers do; makers come often, so that there is something to change. */
export const commands = fc.commands<ScimModel, Real, false>(
  [
    ...often(4, createPerson),
    ...often(2, replacePerson),
    ...often(4, modifyPerson),
    ...often(1, deletePerson),
    ...often(2, createGroup),
    ...often(1, replaceGroup),
    ...often(3, modifyGroup),
    ...often(1, deleteGroup),
    ...often(1, echoPerson),
    ...often(1, echoGroup),
    ...often(1, findPeople),
    ...often(1, findGroups),
  ],
  { maxCommands: 40, size: 'max' },
);
