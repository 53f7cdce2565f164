import assert from 'node:assert/strict';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { row, Visit } from './support/browser.js';
import { repository } from './support/lab.js';
import { browser, lab } from './support/open-lab.js';
import { until } from './support/processes.js';

// The pictures in the documents change only when somebody wants that.
const FOLDER = join(repository, process.env.SCREENSHOTS === '1' ? 'docs/pictures' : 'target/page-pictures');
const LARGEST = 200_000;
// Of these, what is seen first is shown.
const TALL = ['experiment.png', 'phone.png'];

test('pictures of an outage', async (t) => {
  const wide = { viewport: { width: 1100, height: 700 } };
  const views = [
    ['page.png', '', wide],
    ['page-dark.png', '', { ...wide, colorScheme: 'dark' }],
    ['experiment.png', '?experiment=pend02', { viewport: { width: 1100, height: 1000 } }],
    ['phone.png', '', { viewport: { width: 390, height: 844 }, isMobile: true }],
    ['timeline.png', '?timeline&since=7d', wide],
  ];
  const open = [];
  for (const [name, path, options] of views) {
    const visit = await Visit.start(browser, lab, options);
    open.push([name, visit, await visit.open(path)]);
  }
  const [[, , overview], [, , dark], [, , experiment], [, , phone]] = open;
  for (const page of [overview, dark, phone]) {
    for (const name of ['pend02', 'pend03', 'pend04']) {
      const text = () => row(page, name).innerText();
      await until(`${name} is out`, async () => (await text()).includes('out, by status'), 90_000);
    }
  }
  const lasted = async () => Number.parseInt(await row(overview, 'pend02').locator('time').innerText(), 10);
  await until('it has lasted for a while', async () => (await lasted()) >= 3);
  await until('so says its own page', async () => (await experiment.title()) === 'pend02: unhealthy');
  lab.hold();

  mkdirSync(FOLDER, { recursive: true });
  for (const [name, visit, page] of open) {
    const path = join(FOLDER, name);
    await page.screenshot({ path, fullPage: !TALL.includes(name), animations: 'disabled' });
    const { size } = statSync(path);
    assert.ok(size > 5_000 && size < LARGEST, `${path} has ${size} bytes`);
    await visit.end();
  }
  t.diagnostic(`pictures are in ${FOLDER}`);
});
