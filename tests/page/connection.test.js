import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertNotReloaded, isLive, mark, names, startBrowser, Visit } from './support/browser.js';
import { Lab } from './support/lab.js';
import { until } from './support/processes.js';

let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser?.close());

/** Waits until the page says that it is not live, which must not take long. */
async function isLost(page) {
  const connection = page.locator('#connection');
  await until('the page says so', async () => (await connection.innerText()).includes('not live since'), 20_000);
  assert.doesNotMatch(await connection.innerText() + (await page.title()), /✓/);
  const look = await page.locator('#live').evaluate((one) => getComputedStyle(one).filter);
  assert.equal(look, 'grayscale(1)', 'what may be old is not green');
}

test('a server that hangs: the page says that it is not live, and goes on by itself', async (t) => {
  const lab = await Lab.start();
  t.after(() => lab.stop());
  await lab.decided();
  const visit = await Visit.start(browser, lab);
  const page = await visit.open();
  await mark(page);
  lab.hold();
  await isLost(page);
  lab.goOn();
  await isLive(page);
  await assertNotReloaded(page);
  await visit.end();
});

test('a server that is gone: the page says so, keeps what it has, and shows what the next one says', async (t) => {
  const lab = await Lab.start();
  t.after(() => lab.stop());
  await lab.decided();
  // nginx says that nothing is behind it.
  const visit = await Visit.start(browser, lab, { expected: [/502/, /ERR_INCOMPLETE_CHUNKED_ENCODING/] });
  const page = await visit.open();
  await mark(page);
  await lab.kill();
  await isLost(page);
  assert.equal((await names(page)).length, 6);
  await lab.startAgain();
  await isLive(page);
  await lab.decided();
  const since = (await lab.json('api/v1/experiments/pend00')).since;
  const shown = () => page.locator('#main tbody time').first().getAttribute('datetime');
  await until('the new verdicts are shown', async () => (await shown()) === since);
  await assertNotReloaded(page);
  await visit.end();
});
