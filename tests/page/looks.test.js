// Each page at three widths, in light, dark and forced colours, with JavaScript and without.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import axe from 'axe-core';

import { names, row, Visit } from './support/browser.js';
import { browser, lab } from './support/open-lab.js';
import { until } from './support/processes.js';

const PATHS = ['', '?q=pend0&show=problems', '?look=tiles&sort=-name', '?experiment=pend00&show=healthy', '?students', 'students', 'students/pend00',
  '?timeline&since=7d', 'timeline', '?incidents', '?report', '?maintenance'];
const LOOKS = [{ colorScheme: 'light' }, { colorScheme: 'dark' }, { forcedColors: 'active' }];

async function hardToRead(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run({ preload: false }));
  return violations.filter(({ impact }) => impact !== 'minor')
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`);
}

test('no page is wider than its window or hard to read, at any width and in any colours', async () => {
  for (const look of LOOKS) {
    for (const width of [390, 768, 1440]) {
      const visit = await Visit.start(browser, lab, { ...look, viewport: { width, height: 900 } });
      for (const path of PATHS) {
        const page = await visit.open(path);
        const name = `${path || 'overview'} at ${width} with ${JSON.stringify(look)}`;
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wide <= 0, `${name} is ${wide} too wide`);
        assert.deepEqual(await hardToRead(page), [], name);
        await page.close();
      }
      await visit.end();
    }
  }
});

test('everything that the first page offers works without JavaScript', async () => {
  const visit = await Visit.start(browser, lab, { javaScriptEnabled: false });
  const page = await visit.open('', { live: false });
  await page.getByRole('link', { name: 'experiment', exact: true }).click();
  await page.waitForURL(lab.url('?sort=name'));
  await page.getByRole('link', { name: 'experiment', exact: true }).click();
  await page.waitForURL(lab.url('?sort=-name'));
  assert.equal((await names(page))[0], 'pend05');
  await page.getByRole('searchbox').fill('pend03');
  await page.getByRole('button', { name: 'Show' }).click();
  assert.deepEqual(await names(page), ['pend03']);
  assert.equal(new URL(page.url()).searchParams.get('sort'), '-name', 'a search keeps the order');
  await page.getByRole('link', { name: 'pend03' }).click();
  await page.getByRole('link', { name: 'all experiments' }).click();
  assert.deepEqual(await names(page), ['pend03'], 'the way back keeps the filter');
  await page.getByRole('link', { name: 'As tiles' }).click();
  assert.equal(await page.locator('.grid li').count(), 1);
  await page.locator('summary').first().click();
  assert.equal(await page.locator('.grid').isVisible(), false, 'a group folds');
  await page.getByRole('link', { name: 'Students' }).click();
  assert.equal(await page.locator('.works li').count(), 6);
  await page.getByRole('link', { name: 'pend02' }).click();
  assert.match(await page.locator('h2').innerText(), /^pend02 ✓ works$/);
  await visit.end();
});

test('a group that somebody has folded stays folded when something changes', async () => {
  const visit = await Visit.start(browser, lab);
  const page = await visit.open();
  await page.locator('.group summary').click();
  await until('something has changed', async () => /unhealthy/.test(await page.locator('.group summary').innerText()), 90_000);
  assert.equal(await row(page, 'pend01').isVisible(), false);
  await page.locator('.group summary').press('Enter');
  assert.equal(await row(page, 'pend01').isVisible(), true);
  await visit.end();
});
