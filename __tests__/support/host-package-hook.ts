interface Resolved {
  readonly url: string;
}

type NextResolve = (specifier: string, context: unknown) => Promise<Resolved>;

/** Node's resolve hook: whoever imports `unleash-server` gets the installed package that HOST_PACKAGE names. */
export const resolve = (specifier: string, context: unknown, nextResolve: NextResolve): Promise<Resolved> =>
  nextResolve(specifier === 'unleash-server' ? (process.env.HOST_PACKAGE ?? specifier) : specifier, context);
