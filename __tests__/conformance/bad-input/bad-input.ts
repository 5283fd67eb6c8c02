/** A request that must be refused, and how. */
export interface BadInput {
  readonly name: string;
  readonly method: string;
  /** Below `/scim`, as it goes on the wire; `$USER`, `$OTHER` and `$GROUP` stand for the ids of the resources that are there. */
  readonly path: string;
  /** Besides the token and the media type; null takes one of these away. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** The same stand-ins as in the path. */
  readonly body?: string | Buffer;
  readonly status: number;
  /** undefined: the RFCs have none for this failure. */
  readonly scimType?: string;
}

export type Refusal = Pick<BadInput, 'status' | 'scimType'>;

export const INVALID_SYNTAX: Refusal = { status: 400, scimType: 'invalidSyntax' };
export const INVALID_VALUE: Refusal = { status: 400, scimType: 'invalidValue' };
export const INVALID_FILTER: Refusal = { status: 400, scimType: 'invalidFilter' };
export const INVALID_PATH: Refusal = { status: 400, scimType: 'invalidPath' };
export const INVALID_CURSOR: Refusal = { status: 400, scimType: 'invalidCursor' };
export const INVALID_COUNT: Refusal = { status: 400, scimType: 'invalidCount' };
export const NO_TARGET: Refusal = { status: 400, scimType: 'noTarget' };
export const MUTABILITY: Refusal = { status: 400, scimType: 'mutability' };
export const UNIQUENESS: Refusal = { status: 409, scimType: 'uniqueness' };
export const NOT_FOUND: Refusal = { status: 404 };

export const NUL = '\\u0000';
export const HALF_PAIR = '\\ud800';

export const PATCH_URN = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
export const ENTERPRISE_URN = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

export const nested = (open: string, close: string, depth: number, inner = ''): string =>
  open.repeat(depth) + inner + close.repeat(depth);

/** The text of a PATCH body whose operations are JSON text, so that they can hold what JSON.stringify would not write. */
export const patchText = (...operations: readonly string[]): string =>
  `{"schemas":["${PATCH_URN}"],"Operations":[${operations.join(',')}]}`;
