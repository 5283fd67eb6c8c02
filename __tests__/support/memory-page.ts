import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Application } from 'express';
import type { IUnleashOptions } from 'unleash-server';

export const MEMORY_PAGE = '/memory';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** A host that collects its garbage when it is asked how much memory it has. */
export const hostOptions: IUnleashOptions = {
  preHook: (app: Application) => {
    app.get(MEMORY_PAGE, (_request, response) => {
      // What one collection sets free may hold on to more.
      collect();
      setImmediate(() => {
        collect();
        response.json(process.memoryUsage());
      });
    });
  },
};
