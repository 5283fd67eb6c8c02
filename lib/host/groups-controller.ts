import type { Request, Response } from 'express';
import joi from 'joi';
import {
  ADMIN,
  BadDataError,
  Controller,
  type GroupService,
  type IAuditUser,
  type ICreateGroupModel,
  type IGroupModel,
  type IUnleashConfig,
  type IUnleashServices,
} from 'unleash-server';
import { isStorableText } from '../protocol/match.js';
import { inHostShape } from './admin-errors.js';
import type { GroupsTransactions } from './groups-transactions.js';

interface AdminRequest extends Request {
  readonly audit: IAuditUser;
}

const MAX_ID = 2_147_483_647;

/** Postgres takes no NUL and no half of a surrogate pair. */
const text = joi
  .string()
  .custom((value: string, helpers) => (isStorableText(value) ? value : helpers.error('text.storable')))
  .messages({ 'text.storable': '{{#label}} has a character that cannot be stored' });

/** What the page sends; all else is dropped, for the host's service stores what it is given. */
const bodySchema = joi
  .object({
    name: text.trim().min(1).max(255).required(),
    description: text.allow('', null),
    mappingsSSO: joi.array().items(text).default([]),
    rootRole: joi.number().integer().min(1).max(MAX_ID).allow(null),
    users: joi
      .array()
      .items(
        joi
          .object({
            user: joi
              .object({ id: joi.number().integer().min(1).max(MAX_ID).required() })
              .required()
              .options({ stripUnknown: true }),
          })
          .options({ stripUnknown: true }),
      )
      .unique('user.id')
      .default([]),
  })
  .required()
  .options({ stripUnknown: true });

/** As both calls of the host's service take it; only the ids of the users are looked at. */
const readGroup = (body: unknown): ICreateGroupModel & Pick<IGroupModel, 'users'> => {
  const { value, error } = bodySchema.validate(body);
  if (error !== undefined) throw new BadDataError(error.message);
  return value;
};

const idOf = (request: Request): number => {
  const id = Number(request.params.id);
  if (!Number.isInteger(id) || id < 1 || id > MAX_ID) throw new BadDataError('The id of a group is a number');
  return id;
};

/** The endpoints of the Groups pages, which the open-source edition lacks, over the host's own group service and its rules. */
export class GroupsController extends Controller {
  readonly #groups: GroupService;
  readonly #transactions: GroupsTransactions;
  readonly #logError: (error: unknown) => void;

  constructor(config: IUnleashConfig, { groupService }: IUnleashServices, transactions: GroupsTransactions) {
    super(config);
    this.#groups = groupService;
    this.#transactions = transactions;
    const logger = config.getLogger('unleash-scim/groups');
    this.#logError = (error) => logger.error('The Groups page was not served', error);
    this.route({ method: 'get', path: '/', permission: ADMIN, handler: this.list });
    this.route({ method: 'post', path: '/', permission: ADMIN, handler: this.create });
    this.route({ method: 'get', path: '/:id', permission: ADMIN, handler: this.view });
    this.route({ method: 'put', path: '/:id', permission: ADMIN, handler: this.update });
    this.route({ method: 'delete', path: '/:id', permission: ADMIN, acceptAnyContentType: true, handler: this.remove });
  }

  async list(_request: Request, response: Response): Promise<void> {
    const groups = await inHostShape(() => this.#groups.getAll(), this.#logError);
    response.json({ groups });
  }

  async view(request: Request, response: Response): Promise<void> {
    const id = idOf(request);
    response.json(await inHostShape(() => this.#groups.getGroup(id), this.#logError));
  }

  async create(request: Request, response: Response): Promise<void> {
    const group = readGroup(request.body);
    const { audit } = request as AdminRequest;
    const created = await inHostShape(
      () => this.#transactions.save(group, (groups) => groups.createGroup(group, audit)),
      this.#logError,
    );
    response.status(201).json(created);
  }

  async update(request: Request, response: Response): Promise<void> {
    const id = idOf(request);
    const group: Parameters<GroupService['updateGroup']>[0] = { ...readGroup(request.body), id };
    const { audit } = request as AdminRequest;
    const updated = await inHostShape(
      () => this.#transactions.save(group, (groups) => groups.updateGroup(group, audit)),
      this.#logError,
    );
    response.status(200).json(updated);
  }

  async remove(request: Request, response: Response): Promise<void> {
    const id = idOf(request);
    const { audit } = request as AdminRequest;
    await inHostShape(() => this.#transactions.run((groups) => groups.deleteGroup(id, audit)), this.#logError);
    response.status(200).end();
  }
}
