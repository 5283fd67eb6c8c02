import { randomUUID } from 'node:crypto';
import { Router } from 'express';
import { handle, type RunStatement, refuse, send, sendNothing } from './floor-answers.js';
import { type GroupRow, groupJson, movedMembers } from './floor-groups.js';
import { type PersonRow, sendPerson, valuesOf } from './floor-people.js';
import { HOST_STATEMENTS } from './host-rows.js';

const MOVES: Readonly<Record<string, string>> = { add: HOST_STATEMENTS.add, remove: HOST_STATEMENTS.remove };

/** The floor's routes on the host's own tables, for what is measured so: what the host costs whoever provisions it. */
export const leastRoutes = (run: RunStatement): Router => {
  const router = Router();
  router.post(
    '/Users',
    handle(async (request, response) => {
      const values = [randomUUID(), ...valuesOf(request).slice(0, 4)];
      const [row] = await run<PersonRow>('least create', HOST_STATEMENTS.create, values);
      sendPerson(response, 201, row);
    }),
  );
  router
    .route('/Users/:id')
    .get(
      handle(async (request, response) => {
        const [row] = await run<PersonRow>('least get', HOST_STATEMENTS.get, [request.params.id]);
        sendPerson(response, 200, row);
      }),
    )
    .put(
      handle(async (request, response) => {
        const values = [request.params.id, ...valuesOf(request).slice(0, 4)];
        const [row] = await run<PersonRow>('least replace', HOST_STATEMENTS.replace, values);
        sendPerson(response, 200, row);
      }),
    );
  router.post(
    '/Groups',
    handle(async ({ body }, response) => {
      const values = [randomUUID(), body.externalId ?? null, body.displayName];
      const [row] = await run<GroupRow>('least group create', HOST_STATEMENTS.createGroup, values);
      if (row !== undefined) send(response, 201, groupJson(row, ''));
    }),
  );
  router
    .route('/Groups/:id')
    .get(
      handle(async (request, response) => {
        const [row] = await run<GroupRow & { members: string | null }>('least group', HOST_STATEMENTS.getGroup, [
          request.params.id,
        ]);
        if (row === undefined) refuse(response, 404, 'Not found.');
        else send(response, 200, groupJson(row, row.members ?? ''));
      }),
    )
    .patch(
      handle(async (request, response) => {
        const { op, ids } = movedMembers(request);
        const text = MOVES[op];
        if (text === undefined) return refuse(response, 400, 'There is no such operation here.');
        const rows = await run(`least ${op}`, text, [request.params.id, ids]);
        if (rows.length === 0) refuse(response, 404, 'Not found.');
        else sendNothing(response);
      }),
    )
    .delete(
      handle(async (request, response) => {
        await run('least group delete', HOST_STATEMENTS.deleteGroup, [request.params.id]);
        sendNothing(response);
      }),
    );
  return router;
};
