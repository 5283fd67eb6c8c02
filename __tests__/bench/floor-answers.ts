import type { RequestHandler, Response } from 'express';

export const USER_URN = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const GROUP_URN = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const LIST_URN = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';
const ERROR_URN = 'urn:ietf:params:scim:api:messages:2.0:Error';

/** One statement, prepared by name. */
export type RunStatement = <Row>(name: string, text: string, values: readonly unknown[]) => Promise<readonly Row[]>;

export const send = (response: Response, status: number, json: string): void => {
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/scim+json; charset=utf-8');
  response.end(json);
};

export const sendNothing = (response: Response): void => {
  response.statusCode = 204;
  response.end();
};

export const refuse = (response: Response, status: number, detail: string): void =>
  send(response, status, JSON.stringify({ schemas: [ERROR_URN], status: String(status), detail }));

export interface ListMarks {
  readonly startIndex?: number;
  readonly nextCursor?: string;
}

export const sendList = (response: Response, total: number, resources: readonly string[], marks: ListMarks): void => {
  const head = { schemas: [LIST_URN], totalResults: total, itemsPerPage: resources.length, ...marks };
  send(response, 200, `${JSON.stringify(head).slice(0, -1)},"Resources":[${resources.join(',')}]}`);
};

const isTaken = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === '23505';

export const handle =
  (work: (...args: Parameters<RequestHandler>) => Promise<void>): RequestHandler =>
  (request, response, next) => {
    work(request, response, next).catch((error: unknown) =>
      isTaken(error) ? refuse(response, 409, 'It exists already.') : next(error),
    );
  };

export const pageOf = (query: Readonly<Record<string, unknown>>): { readonly start: number; readonly count: number } => ({
  start: Math.max(1, Number(query.startIndex ?? 1)),
  count: Math.min(1000, Number(query.count ?? 100)),
});
