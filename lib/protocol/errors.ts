/**
 * The failures that RFC 7644 3.12 and RFC 9865 name, and the plain HTTP ones beside them.
 * The http layer alone knows which status code belongs to a kind.
 */
export type ScimErrorKind =
  | 'invalidFilter'
  | 'tooMany'
  | 'uniqueness'
  | 'mutability'
  | 'invalidSyntax'
  | 'invalidPath'
  | 'noTarget'
  | 'invalidValue'
  | 'sensitive'
  | 'invalidCursor'
  | 'expiredCursor'
  | 'invalidCount'
  | 'unauthorized'
  | 'forbidden'
  | 'notFound'
  | 'methodNotAllowed'
  | 'conflict'
  | 'requestTimeout'
  | 'preconditionFailed'
  | 'payloadTooLarge'
  | 'unsupportedMediaType'
  | 'tooManyRequests'
  | 'notImplemented'
  | 'unavailable';

/** A failure that the client is told about. `detail` is shown to an administrator: it says what to do, and holds no secret. */
export class ScimError extends Error {
  readonly kind: ScimErrorKind;
  /** When to come again; where the kind says so, and it is known. */
  readonly retryAfterMs: number | undefined;

  constructor(kind: ScimErrorKind, detail: string, options?: { readonly cause?: unknown; readonly retryAfterMs?: number }) {
    super(detail, options);
    this.name = 'ScimError';
    this.kind = kind;
    this.retryAfterMs = options?.retryAfterMs;
  }

  get detail(): string {
    return this.message;
  }
}
