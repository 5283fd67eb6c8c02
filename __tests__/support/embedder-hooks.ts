import type { Application } from 'express';
import type { IUnleashOptions } from 'unleash-server';

/** What somebody who embeds the host has hung in already. */
export const hostOptions: IUnleashOptions = {
  preHook: (app: Application) => {
    app.get('/own/before', (_request, response) => {
      response.json({ hook: 'preHook' });
    });
  },
  preRouterHook: (app: Application) => {
    app.get('/own/after', (_request, response) => {
      response.json({ hook: 'preRouterHook' });
    });
    app.get('/api/admin/scim-settings', (_request, response) => {
      response.json({ hook: 'of the embedder' });
    });
  },
};
