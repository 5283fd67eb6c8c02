import { ForbiddenError, type IUnleashServices } from 'unleash-server';
import { ScimError } from '../protocol/errors.js';
import type { SettingsService } from '../services/settings-service.js';

/**
 * Keeps out who left: the host makes a user anew for an SSO login with auto-create and for a public invite link, also for
 * somebody whom the identity provider has just suspended. The services are wrapped on the object, before the authentication
 * of the host takes their methods.
 */
export const guardJoining = (services: IUnleashServices, settings: SettingsService, ready: Promise<void>): void => {
  const assertMayJoin = async (names: readonly (string | undefined)[]): Promise<void> => {
    // Where our tables could not be made, logins go on: the host must serve, and the log says what failed.
    if (
      !(await ready.then(
        () => true,
        () => false,
      ))
    )
      return;
    try {
      await settings.assertMayJoin(names);
    } catch (error) {
      if (error instanceof ScimError && error.kind === 'forbidden') throw new ForbiddenError(error.detail);
      throw error;
    }
  };

  const { userService, publicSignupTokenService } = services;
  const loginUserSSO = userService.loginUserSSO.bind(userService);
  userService.loginUserSSO = async (request) => {
    if (request.autoCreate === true) await assertMayJoin([request.email]);
    return loginUserSSO(request);
  };

  const addTokenUser = publicSignupTokenService.addTokenUser.bind(publicSignupTokenService);
  publicSignupTokenService.addTokenUser = async (secret, user, audit) => {
    await assertMayJoin([user.email, user.username]);
    return addTokenUser(secret, user, audit);
  };
};
