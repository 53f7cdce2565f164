import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assertNotReloaded, mark, names, row, Visit } from './support/browser.js';
import { browser, lab } from './support/open-lab.js';
import { until } from './support/processes.js';

test('an outage shows in the open pages, and so does its end', async () => {
  const visit = await Visit.start(browser, lab);
  const overview = await visit.open();
  const detail = await visit.open('?experiment=pend01');
  await mark(overview);
  await mark(detail);
  assert.equal((await names(overview))[0], 'pend00');

  const verdict = (page) => row(page, 'pend01').locator('td').first().innerText();
  await until('pend01 is unhealthy', async () => (await verdict(overview)) === '✕ unhealthy');
  await until('pend01 is out of booking', async () => (await row(overview, 'pend01').innerText()).includes('out, by status'));
  assert.equal((await names(overview))[0], 'pend01');
  assert.match(await row(overview, 'pend01').innerText(), /video silent/);
  assert.equal(await overview.title(), '✕ 1 unhealthy');
  assert.match(await overview.locator('#system').innerText(), /1 unhealthy\s+5 of 6 healthy\s.*1 out/s);

  const heading = () => detail.locator('h2').innerText();
  await until('so says its own page', async () => (await heading()) === 'pend01: ✕ unhealthy');
  assert.equal(await detail.title(), 'pend01: unhealthy');
  await until('its history, too', async () => (await detail.locator('.history .u').count()) > 0);
  assert.match(await detail.locator('main').innerText(), /pend01-st-video\s+✕ silent/);

  await until('pend01 is healthy', async () => (await verdict(overview)) === '✓ healthy');
  await until('pend01 can be booked', async () => (await row(overview, 'pend01').innerText()).includes('bookable'));
  await until('it is in its place', async () => (await names(overview))[1] === 'pend01');
  assert.equal(await overview.title(), '✓ status');
  await until('its own page says so', async () => (await heading()) === 'pend01: ✓ healthy');
  assert.equal(await detail.locator('section').count(), 7);
  // It was open for a while, in which both streams were seen again and again.
  const ages = await detail.locator('[data-of="last seen"]').allInnerTexts();
  assert.equal(ages.length, 3);
  for (const age of ages) assert.match(age, /^\d s ago$/);

  await assertNotReloaded(overview);
  await assertNotReloaded(detail);
  await visit.end();
});
