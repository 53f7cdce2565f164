// A browser whose pages are watched: whatever goes wrong in one fails the test that opened it.
import assert from 'node:assert/strict';

import { chromium } from 'playwright-core';

import { find, until } from './processes.js';

const OPTIONS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

export async function startBrowser() {
  const chosen = process.env.CHROMIUM;
  const names = chosen ? [chosen] : ['chromium', 'chromium-browser', 'google-chrome'];
  const executablePath = find(names, 'no Chromium: install it (Debian: `apt-get install chromium`), or set CHROMIUM');
  // Its sandbox needs what containers do not have; it opens nothing but this page.
  return chromium.launch({ executablePath, chromiumSandbox: false, args: OPTIONS });
}

/** Pages of one visitor, and everything that went wrong on them. */
export class Visit {
  #wrong = [];
  #requests = 0;

  /** `expected` are patterns of what a test itself brings about. */
  static async start(browser, lab, { expected = [], ...options } = {}) {
    const visit = new Visit();
    visit.lab = lab;
    visit.context = await browser.newContext({ reducedMotion: 'reduce', ...options });
    visit.context.setDefaultTimeout(30_000);
    const wrong = (text) => expected.some((pattern) => pattern.test(text)) || visit.#wrong.push(text);
    visit.context.on('console', (message) => {
      const isBad = ['error', 'warning', 'assert'].includes(message.type());
      if (isBad) wrong(`console: ${message.text()} ${message.location().url}`);
    });
    visit.context.on('weberror', (error) => wrong(`page error: ${error.error().stack}`));
    visit.context.on('request', (request) => {
      visit.#requests += 1;
      if (!request.url().startsWith(lab.address)) wrong(`foreign request: ${request.url()}`);
    });
    visit.context.on('requestfailed', (request) => {
      const { errorText } = request.failure();
      // Whoever leaves a page ends what is under way: always its stream, and perhaps more.
      if (errorText !== 'net::ERR_ABORTED') wrong(`failed request: ${request.url()} ${errorText}`);
    });
    visit.context.on('response', (response) => {
      if (response.status() >= 400) wrong(`answer ${response.status()}: ${response.url()}`);
    });
    return visit;
  }

  /** Opens a page, and waits until it is live. */
  async open(path = '', { live = true } = {}) {
    const page = await this.context.newPage();
    await page.goto(this.lab.url(path));
    if (live) await isLive(page);
    return page;
  }

  /** Closes all pages. Nothing may have gone wrong. */
  async end() {
    await this.context.close();
    assert.deepEqual(this.#wrong, []);
    assert.ok(this.#requests > 0);
  }
}

export async function isLive(page, limit) {
  await until('the page is live', async () => (await page.locator('#connection').textContent()) === '✓ live', limit);
}

/** The row of an experiment. */
export function row(page, name) {
  return page.locator('#main tbody tr', { has: page.getByRole('link', { name, exact: true }) });
}

/** The experiments in the table, from the top. */
export function names(page) {
  return page.locator('#main tbody th').allTextContents();
}

/** Leaves a mark in the page that is gone once the page is loaded anew. */
export async function mark(page) {
  await page.evaluate(() => { window.markOfTheTest = true; });
}

export async function assertNotReloaded(page) {
  assert.equal(await page.evaluate(() => window.markOfTheTest), true, 'the page was loaded anew');
}
