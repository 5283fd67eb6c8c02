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
  | 'preconditionFailed'
  | 'payloadTooLarge'
  | 'unsupportedMediaType'
  | 'notImplemented'
  | 'unavailable';

/** A failure that the client is told about. `detail` is shown to an administrator: it says what to do, and holds no secret. */
export class ScimError extends Error {
  readonly kind: ScimErrorKind;

  constructor(kind: ScimErrorKind, detail: string, options?: { readonly cause?: unknown }) {
    super(detail, options);
    this.name = 'ScimError';
    this.kind = kind;
  }

  get detail(): string {
    return this.message;
  }
}
