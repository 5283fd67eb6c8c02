import joi from 'joi';
import { MAX_TOKEN_LENGTH, MIN_TOKEN_LENGTH } from '../services/token.js';

/** What an embedding host may set. Every key is optional. */
export interface ScimOptions {
  /** Name or id of the root role of a person whom SCIM creates. Default: `Viewer`. */
  readonly defaultRootRole?: string | number;
  /** Refuse (409) what would leave nobody with the ADMIN permission. Default: true. */
  readonly retainAdminAccess?: boolean;
  /** Usernames and e-mails, any case, of local users whom SCIM never takes over. Default: the bootstrap admin of Unleash. */
  readonly recoveryAdmins?: readonly string[];
  /** Serve the endpoints that the Groups pages of Unleash call, which its open-source edition lacks. Default: true. */
  readonly groupsPages?: boolean;
  /** A token of 32 to 512 characters, stored at the start where there never was one; switches SCIM on. */
  readonly initToken?: string;
  /** Bytes of a request body after decompression. Default: 10 MiB, room for a group of 100,000 members. */
  readonly bodyLimit?: number;
  /** Resources of a page where the client asks for no number. Default: 100. */
  readonly defaultPageSize?: number;
  /** Resources of a page at the most; advertised as `filter.maxResults`. Default: 1,000. */
  readonly maxPageSize?: number;
  /**
   * Requests of a token to one replica, each second and at once; what is more is told to come again (429). A Bulk request is one. Default:
   * 10,000, several times what a replica answers, so that no sync meets it.
   */
  readonly maxRequestsPerSecond?: number;
  /** Send statements by name, which Postgres then plans once. Switch it off behind a pooler in transaction mode. Default: true. */
  readonly preparedStatements?: boolean;
  /** Database connections of SCIM's own, beside those of Unleash's pool. Default: 4. */
  readonly poolSize?: number;
}

export interface ResolvedScimOptions extends Required<Omit<ScimOptions, 'recoveryAdmins' | 'initToken' | 'defaultRootRole'>> {
  readonly defaultRootRole: string;
  readonly recoveryAdmins: readonly string[] | undefined;
  readonly initToken: string | undefined;
}

const MEBIBYTE = 1024 * 1024;

const schema = joi
  .object({
    defaultRootRole: joi.alternatives(joi.string().trim().min(1), joi.number().integer().positive()).default('Viewer'),
    retainAdminAccess: joi.boolean().strict().default(true),
    recoveryAdmins: joi.array().items(joi.string().trim().min(1).lowercase()),
    groupsPages: joi.boolean().strict().default(true),
    // The value stays out of the message: it is a secret.
    initToken: joi
      .string()
      .min(MIN_TOKEN_LENGTH)
      .max(MAX_TOKEN_LENGTH)
      .pattern(/^\S+$/)
      .messages({
        'string.min': `"initToken" (INIT_SCIM_TOKEN) must have at least ${MIN_TOKEN_LENGTH} characters`,
        'string.max': `"initToken" (INIT_SCIM_TOKEN) must have at most ${MAX_TOKEN_LENGTH} characters`,
        'string.pattern.base': '"initToken" (INIT_SCIM_TOKEN) must not contain white space',
      }),
    bodyLimit: joi
      .number()
      .integer()
      .min(1024)
      .default(10 * MEBIBYTE),
    defaultPageSize: joi.number().integer().min(1).max(joi.ref('maxPageSize')).default(100),
    maxPageSize: joi.number().integer().min(1).max(10_000).default(1000),
    maxRequestsPerSecond: joi.number().integer().min(1).max(1_000_000).default(10_000),
    preparedStatements: joi.boolean().strict().default(true),
    poolSize: joi.number().integer().min(1).max(50).default(4),
  })
  .required();

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {TypeError} naming every option that is unknown or wrong.
 */
export const resolveScimOptions = (options: ScimOptions): ResolvedScimOptions => {
  const { value, error } = schema.validate(options, { abortEarly: false, errors: { escapeHtml: false } });
  if (error !== undefined) throw new TypeError(`unleash-scim: ${error.details.map((detail) => detail.message).join('; ')}`);
  const resolved: ResolvedScimOptions & { defaultRootRole: string | number } = value;
  return { ...resolved, defaultRootRole: String(resolved.defaultRootRole) };
};
