import type { Application } from 'express';
import type { IUnleashConfig, IUnleashOptions } from 'unleash-server';

/** A host that has a groups address of its own already. */
const preRouterHook = (app: Application, { server }: IUnleashConfig): void => {
  app.get(`${server.baseUriPath}/api/admin/groups`, (_request, response) => {
    response.json({ own: true });
  });
};

export const hostOptions: IUnleashOptions = { preRouterHook };
