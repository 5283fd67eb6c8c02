import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Where Debian's package puts it. */
export const CHROMIUM_PATH = process.env.CHROMIUM_PATH || '/usr/bin/chromium';
export const hasChromium = (): boolean => existsSync(CHROMIUM_PATH);

const PATIENCE_MS = 15_000;
const IMAGES = resolve('docs', 'images');

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** With an empty profile of its own, which goes when it is closed. */
export const launchChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM_PATH, headless: true, args: FLAGS });

/** What went wrong on a page without anybody noticing. */
export interface PageTrouble {
  /** Exceptions that nobody caught. */
  readonly exceptions: string[];
  /** Refusals by the addresses that are served for the pages. */
  readonly refusals: string[];
}

const OURS = /\/api\/admin\/(scim-settings|groups|user-admin\/scim-users)/;

/** A visitor with cookies of their own. */
export const openPage = async (browser: Browser, trouble: PageTrouble): Promise<Page> => {
  const context = await browser.newContext({ viewport: { width: 1366, height: 820 }, locale: 'en-GB', timezoneId: 'UTC' });
  // Fonts and avatars of other hosts: a test must not wait for the internet.
  await context.route(
    ({ hostname }) => hostname !== '127.0.0.1',
    (route) => route.abort(),
  );
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (error) => trouble.exceptions.push(String(error)));
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (OURS.test(pathname) && response.status() >= 400) {
      trouble.refusals.push(`${response.status()} ${response.request().method()} ${pathname}`);
    }
  });
  return page;
};

export const logIn = async (page: Page, hostUrl: string, username: string, password: string): Promise<void> => {
  await page.goto(`${hostUrl}/login`);
  await page.locator('#username').fill(username);
  await page.locator('#password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('My projects', { exact: true }).waitFor();
};

/** For the documentation, and only where `UPDATE_IMAGES=1` asks for new pictures. */
export const savePicture = async (page: Page, name: string): Promise<void> => {
  if (process.env.UPDATE_IMAGES !== '1') return;
  await mkdir(IMAGES, { recursive: true });
  // The click before has scrolled to its button; the picture begins with the address for the identity provider.
  await page.mouse.move(0, 0);
  await page.evaluate('window.scrollTo(0, 0)');
  await page.screenshot({ path: join(IMAGES, name), animations: 'disabled', caret: 'hide' });
};
