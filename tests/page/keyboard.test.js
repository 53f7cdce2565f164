import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assertNotReloaded, mark, names, Visit } from './support/browser.js';
import { browser, lab } from './support/open-lab.js';
import { until } from './support/processes.js';

/** What has the focus, and whether that can be seen. */
function focused(page) {
  return page.evaluate(() => {
    const one = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    const { left, top, width, height } = one.getBoundingClientRect();
    const isOutlined = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
    return {
      name: one.textContent.trim() || one.name,
      tag: one.localName,
      isSeen: isOutlined && left >= 0 && top >= 0 && width > 0 && height > 0,
    };
  });
}

async function tab(page) {
  await page.keyboard.press('Tab');
  const now = await focused(page);
  assert.ok(now.isSeen, `the focus cannot be seen: ${JSON.stringify(now)}`);
  return now;
}

test('everything can be reached with the keyboard, in the order in which it is read', async () => {
  const visit = await Visit.start(browser, lab);
  const page = await visit.open();
  assert.match((await tab(page)).name, /^Skip to/);
  assert.equal((await tab(page)).name, 'status');
  const pages = ['Experiments', 'Time line', 'Incidents', 'Report', 'Students', 'Maintenance'];
  for (const name of pages) assert.equal((await tab(page)).name, name);
  // The tiles lead to what they count.
  assert.match((await tab(page)).name, /healthy/);
  assert.match((await tab(page)).name, /bookable/);
  assert.equal((await tab(page)).name, 'Maintenance');
  assert.equal((await tab(page)).name, 'q');
  assert.equal((await tab(page)).tag, 'select');
  const first = (await names(page))[0];
  // What filters, sorts and folds comes before what is filtered.
  await until('the first experiment has the focus', async () => (await tab(page)).name === first);
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.searchParams.get('experiment') === first);

  await page.goto(lab.url());
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  assert.match((await tab(page)).name, /^pend/, 'the first link jumps over all that is before the experiments');
  await visit.end();
});

test('what has the focus keeps it when the page is brought up to date', async () => {
  const visit = await Visit.start(browser, lab);
  const overview = await visit.open();
  const detail = await visit.open('?experiment=pend01');
  await mark(overview);
  await mark(detail);
  await overview.getByRole('link', { name: 'pend01' }).focus();
  await detail.getByRole('link', { name: 'all experiments' }).focus();
  // Another has a narrow window, and has scrolled a wide table.
  const narrow = await visit.open('?experiment=pend01');
  await narrow.setViewportSize({ width: 720, height: 844 });
  const table = narrow.getByRole('group', { name: 'Streams and jump' });
  await table.focus();
  await table.evaluate((one) => { one.scrollLeft = 20; });

  await until('pend01 is unhealthy', async () => (await overview.title()) === '✕ 1 unhealthy');
  await until('it has moved to the top', async () => (await names(overview))[0] === 'pend01');
  assert.equal((await focused(overview)).name, 'pend01');
  for (const page of [detail, narrow]) {
    await until('so says its own page', async () => (await page.title()) === 'pend01: unhealthy');
  }
  assert.match((await focused(detail)).name, /all experiments/);
  assert.equal(await table.evaluate((one) => one === document.activeElement && one.scrollLeft), 20);
  await assertNotReloaded(overview);
  await assertNotReloaded(detail);
  await visit.end();
});
