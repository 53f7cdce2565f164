import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assertNotReloaded, isLive, mark, Visit } from './support/browser.js';
import { browser, lab } from './support/open-lab.js';
import { until } from './support/processes.js';

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

test('a link of an outage in the time line leads to its entry', async () => {
  const visit = await Visit.start(browser, lab);
  const page = await visit.open('?timeline&since=30d');
  const link = page.locator('.lanes a[href*="?incidents&name="]').last();
  const title = await link.locator('title').textContent();
  await link.locator('path').click({ force: true });
  await page.waitForURL(/\?incidents&name=/);
  const entry = page.locator('tbody tr:target');
  assert.equal(await entry.count(), 1, page.url());
  const name = await entry.getByRole('link').first().innerText();
  assert.ok(title.startsWith(`${name}: `), `${title} leads to ${name}`);
  await visit.end();
});

test('a time in which no mail could be sent is seen in the time line', async () => {
  const visit = await Visit.start(browser, lab, { javaScriptEnabled: false });
  const page = await visit.open('?timeline&since=30d', { live: false });
  const waited = page.locator('.lanes a path.st-alert title', { hasText: /^a mail waited: .*, \d h/ });
  assert.ok(await waited.count() > 0);
  await visit.end();
});

test('a page of what happened moves on with time, though nothing happens', async () => {
  const visit = await Visit.start(browser, lab);
  const page = await visit.open('?timeline');
  await page.route(/api\/v1\/system/, async (route) => {
    const answer = await route.fetch();
    const revision = await page.evaluate(() => document.body.dataset.revision);
    await route.fulfill({ json: { ...await answer.json(), revision } });
  });
  await page.locator('.names a').last().focus();
  await page.locator('.lanes').evaluate((lanes) => { lanes.scrollLeft = 0; });
  await mark(page);
  const seen = () => page.evaluate(() => [document.activeElement.getAttribute('href'), document.querySelector('.lanes').scrollLeft]);
  const before = await seen();
  const again = page.waitForRequest((request) => request.url().endsWith('?timeline'));
  await page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() + 46_000;
    window.dispatchEvent(new Event('focus'));
  });
  await (await again).response();
  await isLive(page);
  await assertNotReloaded(page);
  assert.deepEqual(await seen(), before);
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await visit.end();
});

test('a report says which experiment is the worst', async () => {
  const visit = await Visit.start(browser, lab);
  const page = await visit.open('?report');
  const worst = page.getByRole('group', { name: 'The worst' }).getByRole('row').nth(1);
  assert.match(await worst.innerText(), /^pend01/);
  await visit.end();
});

test('on a phone the time line scrolls from the newest to the oldest, by keyboard too, and its names stay', async () => {
  const visit = await Visit.start(browser, lab, { viewport: { width: 390, height: 800 } });
  const page = await visit.open('?timeline&since=24h');
  const seen = () => page.evaluate(() => {
    const [lanes, svg, names] = ['.lanes', '.lanes svg', '.names'].map((one) => document.querySelector(one).getBoundingClientRect());
    const near = (one, other) => Math.abs(one - other) < 4;
    return { newest: near(svg.right, lanes.right), oldest: svg.left >= names.right - 4, names: near(names.left, lanes.left) };
  });
  assert.deepEqual(await seen(), { newest: true, oldest: false, names: true });
  const has = (selector) => page.evaluate((one) => document.activeElement.matches(one), selector);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await until('the time line has the focus', async () => {
    await page.keyboard.press('Tab');
    return has('.lanes');
  });
  await until('it has scrolled to its beginning', async () => {
    await page.keyboard.press('ArrowLeft');
    return (await seen()).oldest;
  });
  assert.deepEqual(await seen(), { newest: false, oldest: true, names: true });
  await until('a name has the focus', async () => {
    await page.keyboard.press('Tab');
    return has('.names a');
  });
  const name = await page.evaluate(() => document.activeElement.textContent.trim());
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.searchParams.get('experiment') === name);
  await visit.end();
});

test('what is printed is the picture and the tables, without what only a screen needs', async () => {
  const visit = await Visit.start(browser, lab, { javaScriptEnabled: false });
  for (const [path, shown, hidden] of [
    ['?timeline&since=7d', '.lanes svg', '.choices'],
    ['?report', 'table', 'header nav'],
    ['?incidents', 'table', '.choose'],
  ]) {
    const page = await visit.open(path, { live: false });
    await page.emulateMedia({ media: 'print' });
    assert.equal(await page.locator(shown).first().isVisible(), true, path);
    assert.equal(await page.locator(hidden).first().isVisible(), false, path);
  }
  await visit.end();
});
