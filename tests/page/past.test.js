import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Visit } from './support/browser.js';
import { browser, lab } from './support/open-lab.js';

test('the time line is whole without JavaScript, scrolls in itself on a phone, and leads to what happened', async () => {
  for (const width of [390, 1440]) {
    const visit = await Visit.start(browser, lab, { javaScriptEnabled: false, viewport: { width, height: 800 } });
    const page = await visit.open('?timeline&since=30d', { live: false });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `the page is ${wide} wide`);
    // Each name stands beside its row.
    const at = await page.locator('.names a').last().boundingBox();
    const row = await page.locator('.lanes > svg > g').last().boundingBox();
    assert.ok(Math.abs(at.y - row.y) < 4, `${at.y} is not beside ${row.y}`);
    const stretch = page.locator('.lanes a path.st-unavailable').last();
    assert.match(await stretch.locator('title').textContent(), /could not be booked, .*pend0/);
    await visit.end();
  }
});

test('an incident is told once, with its mail and who acknowledged it, and filters are in the address', async () => {
  const visit = await Visit.start(browser, lab);
  const page = await visit.open('?incidents');
  await page.getByText('carol: a new camera is ordered').waitFor();
  assert.equal(await page.getByRole('row', { name: /jump is silent/ }).count(), 1);
  const system = await visit.open('?incidents&kind=system&open=false');
  assert.equal(await system.locator('tbody tr a').count(), 0);
  await visit.end();
});

test('a report says which experiment is the worst', async () => {
  const visit = await Visit.start(browser, lab);
  const page = await visit.open('?report');
  const worst = page.getByRole('group', { name: 'The worst' }).getByRole('row').nth(1);
  assert.match(await worst.innerText(), /^pend01/);
  await visit.end();
});
