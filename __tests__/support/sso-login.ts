import type { Application, Request } from 'express';
import { IAuthType, type IUnleashConfig, type IUnleashOptions, type IUnleashServices } from 'unleash-server';

interface SessionRequest extends Request {
  user?: unknown;
  session: { user?: unknown };
}

/**
 * Single sign-on as a host with custom authentication has it: `POST /sso/login` with an e-mail is what comes back from the
 * identity provider, and the host makes unknown people on the spot. The service's method is taken at set-up, as handlers do.
 */
const customAuthHandler = (app: Application, _config: Partial<IUnleashConfig>, services?: IUnleashServices): void => {
  if (services === undefined) throw new Error('the host gave its authentication no services');
  const { userService } = services;
  const loginUserSSO = userService.loginUserSSO.bind(userService);
  app.post('/sso/login', (request, response) => {
    const { email, name } = request.body;
    loginUserSSO({ email, name, autoCreate: true }).then(
      (user) => {
        (request as unknown as SessionRequest).session.user = user;
        response.json({ id: user.id });
      },
      (error: unknown) => {
        const { statusCode = 500 } = error as { readonly statusCode?: number };
        response.status(statusCode).json({ message: error instanceof Error ? error.message : '' });
      },
    );
  });
  app.use('/api/admin', (plain, response, next) => {
    const request = plain as unknown as SessionRequest;
    request.user ??= request.session.user;
    if (request.user === undefined) response.status(401).json({ message: 'log in first' });
    else next();
  });
};

export const hostOptions: IUnleashOptions = { authentication: { type: IAuthType.CUSTOM, customAuthHandler } };
