import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Locator, Page } from 'playwright-core';
import {
  CHROMIUM_PATH,
  hasChromium,
  launchChromium,
  logIn,
  openPage,
  type PageTrouble,
  savePicture,
} from '../support/chromium.js';
import { type ScimClient, scim } from '../support/clients.js';
import { letLogIn } from '../support/credentials.js';
import { FIRST_TOKEN, type Provisioned, provision, provisionGroup, removeMember, setActive } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const missing = `no Chromium at ${CHROMIUM_PATH}`;

if (!hasChromium()) {
  if (process.env.CI === 'true') {
    test('has a browser', () => {
      throw new Error(`${missing}: install it (apt-get install chromium) or set CHROMIUM_PATH`);
    });
  } else {
    console.warn(`browser suite skipped: ${missing}`);
  }
}

/** As users see it: the pages show this one, whatever address they were loaded from. */
const PUBLIC_URL = 'https://unleash.example.com';

// Only a developer's machine may lack a browser; in CI the test above fails.
const suite = hasChromium() ? describe : describe.skip;

suite('the pages of Unleash', () => {
  const world = withWorld({ switchedOn: false, hostOptions: { server: { unleashUrl: PUBLIC_URL } } });
  const trouble: PageTrouble = { exceptions: [], refusals: [] };
  const open: { browser?: Browser; page?: Page; hers?: Page; idp?: ScimClient; people: Provisioned[]; group?: Provisioned } = {
    people: [],
  };

  beforeAll(async () => {
    open.browser = await launchChromium();
    open.page = await openPage(open.browser, trouble);
    await logIn(open.page, world().host.url, 'admin', 'unleash4all');
  });

  afterAll(() => open.browser?.close());

  const need = <Value>(value: Value | undefined): Value => {
    if (value === undefined) throw new Error('a test before this one did not get so far');
    return value;
  };
  const page = (): Page => need(open.page);
  const idp = (): { readonly scim: ScimClient; readonly db: ReturnType<typeof world>['db'] } => ({
    scim: need(open.idp),
    db: world().db,
  });
  /** The menu comes before the page's own text. */
  const sidebar = (name: string): Locator => page().getByText(name, { exact: true }).first();
  const row = (text: string, shown = page()): Locator => shown.getByRole('row').filter({ hasText: text });

  test('switch SCIM on and show the first token once', async () => {
    await sidebar('Admin settings').click();
    await sidebar('Single sign-on').click();
    await sidebar('SCIM').click();
    await page().getByText(`${PUBLIC_URL}/scim`).waitFor();
    await page().getByText('Disabled', { exact: true }).waitFor();
    await page().locator('main input[type=checkbox]').click();

    const dialog = page().getByRole('dialog');
    await dialog.getByText('SCIM API token created').waitFor();
    const [token = ''] = /unleash_scim_[\w-]{49}/.exec((await dialog.textContent()) ?? '') ?? [];
    await dialog.getByRole('button', { name: 'Close' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page().getByText('Settings stored').waitFor({ state: 'hidden' });

    expect(await page().content()).not.toContain(token);
    await page().getByText('Enabled', { exact: true }).waitFor();
    await page().getByRole('button', { name: 'Generate new token' }).waitFor();
    await savePicture(page(), 'scim-settings.png');
    await page().reload();
    await page().getByText('Enabled', { exact: true }).waitFor();
    expect(await page().content()).not.toContain(token);

    open.idp = scim(world().host, { token });
    await idp().scim.get('/ServiceProviderConfig').expect(200);
  });

  test('list the people of the identity provider, and do not let them be edited', async () => {
    for (const [userName, displayName] of [
      ['ada@example.com', 'Ada Lovelace'],
      ['grace@example.com', 'Grace Hopper'],
    ] as const) {
      open.people.push(await provision(idp(), userName, { displayName }));
    }
    await sidebar('User config').click();
    await sidebar('Users').click();
    await row('Ada Lovelace').getByText('ada@example.com').waitFor();
    await row('Ada Lovelace').getByTitle('User actions').click();

    const item = (name: string): Locator => page().getByRole('menuitem', { name });
    for (const name of ['Edit user', 'Change password', 'Reset password']) {
      expect([name, await item(name).getAttribute('aria-disabled')]).toEqual([name, 'true']);
    }
    expect(await item('Remove user').getAttribute('aria-disabled')).toBeNull();
    await page().keyboard.press('Escape');
    await item('Remove user').waitFor({ state: 'hidden' });
  });

  test('show the group with its members', async () => {
    open.group = await provisionGroup(idp(), 'Platform team', open.people);
    await sidebar('Groups').click();
    await page().locator('main').getByText('Platform team', { exact: true }).click();
    for (const name of ['Ada Lovelace', 'Grace Hopper']) await row(name).getByText(FIRST_TOKEN).waitFor();
    expect(await page().getByTestId('UG_EDIT_USERS_BTN_ID').isDisabled()).toBe(true);
    await savePicture(page(), 'group.png');
  });

  test('give the group the Admin role', async () => {
    await page().getByTestId('UG_EDIT_BTN_ID').click();
    const name = page().locator('#group-name');
    expect([await name.inputValue(), await name.isDisabled()]).toEqual(['Platform team', true]);
    await page().getByTestId('GROUP_ROOT_ROLE').getByRole('combobox').click();
    await page().getByRole('option', { name: 'Admin' }).first().click();
    await page().getByTestId('UG_SAVE_BTN_ID').click();
    await page().getByText('Group updated successfully').waitFor();

    const { body } = await world()
      .admin.get(`/api/admin/groups/${need(open.group).hostId}`)
      .expect(200);
    expect(body).toMatchObject({ rootRole: 1, name: 'Platform team', users: [{}, {}] });
  });

  test('tell in the event log who did what', async () => {
    await sidebar('Event log').click();
    const main = page().locator('main');
    await main.getByText('group-updated').first().waitFor();
    const text = (await main.textContent()) ?? '';
    for (const type of ['setting-created', 'setting-updated', 'user-created', 'group-created', 'group-user-added']) {
      expect(text).toContain(type);
    }
    for (const name of [FIRST_TOKEN, 'Ada Lovelace', 'Grace Hopper', 'Platform team']) expect(text).toContain(name);
    expect(text).not.toContain('unleash_scim_');
  });

  test('drop a suspended person from the users and the group', async () => {
    await idp()
      .scim.patch(`/Users/${need(open.people[0]).id}`, setActive(false))
      .expect(200);
    await page().goto(`${world().host.url}/admin/users`);
    await row('Grace Hopper').waitFor();
    expect(await row('Ada Lovelace').count()).toBe(0);
    await page().goto(`${world().host.url}/admin/groups/${need(open.group).hostId}`);
    await row('Grace Hopper').waitFor();
    expect(await row('Ada Lovelace').count()).toBe(0);
  });

  test('serve an admin by the group, who removes the local one and is then the last', async () => {
    const { db, host } = world();
    const grace = need(open.people[1]);
    const group = need(open.group);
    const { username, password } = await letLogIn(db, grace.hostId);
    const hers = await openPage(need(open.browser), trouble);
    open.hers = hers;
    await logIn(hers, host.url, username, password);
    await hers.goto(`${host.url}/admin/users`);
    const local = hers.getByRole('row').filter({ has: hers.getByText('admin', { exact: true }) });
    await local.getByTitle('User actions').click();
    await hers.getByRole('menuitem', { name: 'Remove user' }).click();
    // The rows count as hidden behind the open dialog, so that the answer is what tells.
    const removal = hers.waitForResponse((response) => response.request().method() === 'DELETE');
    await hers.getByRole('dialog').getByRole('button', { name: 'Delete user' }).click();
    expect((await removal).status()).toBe(200);
    await local.waitFor({ state: 'hidden' });

    for (const refused of [
      await idp().scim.patch(`/Users/${grace.id}`, setActive(false)),
      await idp().scim.delete(`/Users/${grace.id}`),
      await idp().scim.patch(`/Groups/${group.id}`, removeMember(grace.id)),
      await idp().scim.delete(`/Groups/${group.id}`),
    ]) {
      expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining('recovery admin')]);
    }
    await hers.reload();
    await row('Grace Hopper', hers).waitFor();
  });

  test('delete the people but her, and refuse to delete the group that makes her an admin', async () => {
    const hers = need(open.hers);
    const press = async (what: 'Groups' | 'Users'): Promise<void> => {
      await hers.getByRole('button', { name: `Delete ${what}`, exact: true }).click();
      await hers
        .getByRole('dialog')
        .getByRole('button', { name: `Delete SCIM ${what}`, exact: true })
        .click();
    };
    await hers.goto(`${world().host.url}/admin/auth/scim`);
    await press('Groups');
    await hers.getByText('nobody would be left who can administer Unleash').waitFor();
    expect(trouble.refusals.splice(0)).toEqual(['409 DELETE /api/admin/groups/scim-groups']);
    await hers.reload();
    await press('Users');
    await hers.getByRole('dialog').waitFor({ state: 'hidden' });

    await hers.goto(`${world().host.url}/admin/users`);
    await row('Grace Hopper', hers).getByTitle('User actions').click();
    const edit = hers.getByRole('menuitem', { name: 'Edit user' });
    await edit.waitFor();
    expect(await edit.getAttribute('aria-disabled')).toBeNull();
    expect((await idp().scim.get('/Users').expect(200)).body.totalResults).toBe(0);
  });

  test('met no failure on the way', () => {
    expect(trouble).toEqual({ exceptions: [], refusals: [] });
  });
});
