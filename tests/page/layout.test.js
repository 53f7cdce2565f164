import assert from 'node:assert/strict';
import { test } from 'node:test';

import { row, Visit } from './support/browser.js';
import { browser, lab } from './support/open-lab.js';
import { until } from './support/processes.js';

test('nothing is wider than a phone, also in an outage', async () => {
  const visit = await Visit.start(browser, lab, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  const overview = await visit.open();
  const detail = await visit.open('?experiment=pend01');
  const fits = (page) => page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth <= clientWidth || `${scrollWidth} > ${clientWidth}`;
  });
  for (const page of [overview, detail]) assert.equal(await fits(page), true);
  await until('pend01 is out', async () => (await row(overview, 'pend01').innerText()).includes('out, by status'));
  await until('so says its own page', async () => (await detail.title()) === 'pend01: unhealthy');
  for (const page of [overview, detail]) assert.equal(await fits(page), true);
  await visit.end();
});

test('who likes it dark gets it dark', async () => {
  for (const [colorScheme, isDark] of [['dark', true], ['light', false]]) {
    const visit = await Visit.start(browser, lab, { colorScheme });
    const page = await visit.open();
    const [ground, text] = await page.evaluate(() => {
      const { backgroundColor, color } = getComputedStyle(document.body);
      return [backgroundColor, color].map((one) => Math.max(...one.match(/\d+/g).slice(0, 3)));
    });
    assert.deepEqual([ground < 64, text > 192], [isDark, isDark], `${colorScheme}: ${ground}, ${text}`);
    await visit.end();
  }
});
