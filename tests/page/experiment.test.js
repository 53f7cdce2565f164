import assert from 'node:assert/strict';
import { test } from 'node:test';

import { names, Visit } from './support/browser.js';
import { browser, lab } from './support/open-lab.js';

test('an experiment has a page with all that is known of it', async () => {
  const visit = await Visit.start(browser, lab);
  const page = await visit.open();
  await page.getByRole('link', { name: 'pend00' }).click();
  await page.waitForURL(lab.url('?experiment=pend00'));
  assert.equal(await page.title(), 'pend00: healthy');
  assert.equal(await page.locator('h2').innerText(), 'pend00: ✓ healthy');

  const part = (name) => page.getByRole('region', { name, exact: true });
  const head = await part('Streams and jump').locator('thead th').allInnerTexts();
  assert.deepEqual(head, ['stream', 'state', 'needed', 'last seen', 'last transmission', 'why']);
  const streams = await part('Streams and jump').locator('tbody tr').allInnerTexts();
  assert.equal(streams.length, 3);
  for (const [at, stream] of ['pend00-st-data', 'pend00-st-video'].entries()) {
    assert.match(streams[at], new RegExp(`^${stream}\\s+✓ ok\\s+yes\\s+\\d+ s ago\\s+\\d+ s ago\\s+relay listed it`));
  }
  assert.match(streams[2], /^jump\s+✓ ok\s/);
  assert.match(await part('Booking').locator('tbody').innerText(), /^r-pend00\s+bookable\s+bookable\s/);
  const uptime = await part('Uptime').innerText();
  for (const window of ['24 hours', '7 days', '30 days']) {
    assert.match(uptime, new RegExp(`last ${window}\\s+100 %`));
  }
  assert.equal(await part('Uptime').locator('.days i').count(), 30);
  assert.match(await part('What happened').innerText(), /✓ healthy \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);

  await page.getByRole('link', { name: 'all experiments' }).click();
  await page.waitForURL((url) => !url.searchParams.has('experiment'));
  assert.equal((await names(page)).length, 6);
  await visit.end();
});

test('an experiment that nobody knows is not found, and there is a way back', async () => {
  const visit = await Visit.start(browser, lab, { expected: [/404.*experiment=nobody/] });
  const page = await visit.context.newPage();
  const answer = await page.goto(lab.url('?experiment=nobody%3Cb%3E'));
  assert.equal(answer.status(), 404);
  assert.equal(await page.locator('h2').innerText(), 'No experiment is called nobody<b>');
  await page.getByRole('link', { name: 'all experiments' }).click();
  assert.equal((await names(page)).length, 6);
  await visit.end();
});
