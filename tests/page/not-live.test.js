// What could not be fetched is not live, however it failed, and however many pages are open.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assertNotReloaded, isLive, mark, names, row, Visit } from './support/browser.js';
import { browser, lab } from './support/open-lab.js';
import { until } from './support/processes.js';

const SOON = 12_000; // an answer may take 5 s, and holds for 7 s
const ANYTHING = /.*/;

/** Waits until a page says that it is not live, and never with the tick. */
async function isNotLive(page, why) {
  const text = () => page.locator('#connection').innerText();
  await until(`the page says ${why}`, async () => why.test(await text()), SOON);
  assert.match(await text(), /not live since \d\d:\d\d:\d\d UTC/);
  assert.doesNotMatch((await text()) + (await page.title()), /✓/);
  assert.equal((await names(page)).length, 6, 'what is known stays');
  assert.equal(await page.locator('#live').evaluate((one) => getComputedStyle(one).filter), 'grayscale(1)');
}

test('twelve tabs over HTTP/1.1: each shows an outage within seconds', async () => {
  const visit = await Visit.start(browser, lab);
  const pages = [];
  for (let tab = 0; tab < 12; tab += 1) pages.push(await visit.open(tab % 4 === 3 ? '?experiment=pend01' : ''));
  const says = async (page) => (await page.locator('#live, h2').first().innerText()).includes('unhealthy');
  const state = async () => (await lab.json('api/v1/experiments/pend01')).state;
  await until('pend01 is unhealthy', async () => (await state()) === 'unhealthy', 90_000);
  await Promise.all(pages.map((page, tab) => until(`tab ${tab} says so`, () => says(page), 15_000)));
  await Promise.all(pages.map((page) => isLive(page)));
  await visit.end();
});

const login = { status: 200, contentType: 'text/html', body: '<!doctype html><title>Log in</title><body><form></form>' };
const answers = [
  ['never answers', () => {}, /does not answer in time/],
  ['breaks off', (route) => route.abort('connectionreset'), /cannot be reached/],
  ['answers 502', (route) => route.fulfill({ status: 502, contentType: 'text/html', body: 'Bad Gateway' }), /the answer is 502/],
  ['answers a login page', (route) => route.fulfill(login), /something else answers/],
  ['leads to a login elsewhere', (route) => route.fulfill({ status: 302, headers: { location: 'https://login.example.org/' } }),
    /something else answers|cannot be reached/],
  ['answers JSON of another kind', (route) => route.fulfill({ json: { error: 'who are you?' } }), /something else answers/],
];
for (const [how, answer, why] of answers) {
  for (const [what, pattern] of [['everything', ANYTHING], ['the page', /status\/(\?(?!file=).*)?$/]]) {
    test(`${what} ${how}: the page is not live, and is again once it can be`, async () => {
      const visit = await Visit.start(browser, lab, { expected: [/502/, /ERR_/, /login/, /Content Security Policy/] });
      const page = await visit.open();
      await mark(page);
      await page.route(pattern, answer);
      // Where only the page cannot be fetched, it must be wanted.
      if (pattern !== ANYTHING) await page.getByRole('searchbox').fill('pend');
      await isNotLive(page, why);
      await page.unrouteAll({ behavior: 'ignoreErrors' });
      await isLive(page);
      assert.match(await page.title(), /^[✓✕…] (?!not live)/);
      await assertNotReloaded(page);
      await visit.end();
    });
  }
}

test('an answer that a cache tells again and again is not live', async () => {
  const visit = await Visit.start(browser, lab);
  const page = await visit.open();
  const kept = await lab.json('api/v1/system');
  await page.route(/api\/v1\/system/, (route) => route.fulfill({ json: kept }));
  await page.route(/status\/$/, async (route) => route.fulfill({ contentType: 'text/html', body: await (await fetch(lab.url())).text() }), { times: 1 });
  await isNotLive(page, /the answer is an old one/);
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await isLive(page);
  await visit.end();
});

test('a browser that lacks what is new follows an outage, and a failure', async () => {
  const visit = await Visit.start(browser, lab, { expected: [/502/] });
  await visit.context.addInitScript(() => {
    for (const [of, name] of [[AbortSignal, 'timeout'], [AbortSignal, 'any'], [window, 'AbortController'], [window, 'SharedWorker'],
      [window, 'BroadcastChannel'], [window, 'EventSource'], [window, 'structuredClone'], [Array.prototype, 'at'],
      [Element.prototype, 'replaceChildren'], [Object, 'hasOwn'], [String.prototype, 'replaceAll'], [Promise, 'any'],
      [Navigator.prototype, 'locks']]) delete of[name];
  });
  const page = await visit.open();
  assert.equal(await page.evaluate(() => typeof AbortSignal.timeout), 'undefined');
  await until('pend01 is unhealthy', async () => (await row(page, 'pend01').innerText()).includes('✕ unhealthy'), 90_000);
  await page.route(ANYTHING, () => {});
  await isNotLive(page, /does not answer in time/);
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await isLive(page);
  await visit.end();
});

test('whoever comes back to the page sees at once whether it is sure', async () => {
  const visit = await Visit.start(browser, lab);
  const page = await visit.open();
  // As after sleep: timers stood still, and the time of day went on.
  const text = await page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() + 3600_000;
    window.dispatchEvent(new Event('pageshow'));
    return document.getElementById('connection').textContent;
  });
  assert.match(text, /not live since/);
  await isLive(page);
  await visit.end();
});
