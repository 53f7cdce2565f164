import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assertNotReloaded, mark, names, Visit } from './support/browser.js';
import { browser, lab } from './support/open-lab.js';
import { until } from './support/processes.js';

const ALL = ['pend00', 'pend01', 'pend02', 'pend03', 'pend04', 'pend05'];

/** Waits until these are shown. Outages may put them into another order. */
async function shows(page, expected) {
  const shown = async () => (await names(page)).sort().join() === expected.join();
  await until(`the table shows [${expected}]`, shown, 10_000);
}

test('what is typed and chosen filters the table, and is in the address', async () => {
  const visit = await Visit.start(browser, lab);
  const page = await visit.open();
  await mark(page);
  const asked = (name) => new URL(page.url()).searchParams.get(name);
  const search = page.getByRole('searchbox', { name: 'Search' });
  const filter = page.getByRole('combobox', { name: 'Show' });

  await page.keyboard.press('/');
  await page.keyboard.type('D03');
  await shows(page, ['pend03']);
  assert.equal(await search.inputValue(), 'D03', 'a slash focuses the search, and is not typed');
  assert.equal(asked('q'), 'D03');
  assert.match(await page.locator('#found').innerText(), /^1 of 6/);

  await search.fill('pend/');
  await shows(page, []);
  assert.equal(asked('q'), 'pend/');
  assert.match(await page.locator('#main').innerText(), /No experiment fits/);
  await search.fill('pend');
  await filter.selectOption({ label: 'healthy' });
  await until('it is in the address', () => asked('show') === 'healthy');
  await filter.selectOption({ label: 'unhealthy' });
  await until('it is in the address', () => asked('show') === 'unhealthy');
  await filter.selectOption({ label: 'all' });
  await search.fill('');
  await shows(page, ALL);
  assert.equal(new URL(page.url()).search, '', 'an address that asks for nothing is short');

  // Enter, for who is used to it.
  await search.fill('pend05');
  await search.press('Enter');
  await shows(page, ['pend05']);
  await assertNotReloaded(page);
  await visit.end();
});

test('an address with a search shows the same to somebody else', async () => {
  const visit = await Visit.start(browser, lab);
  const page = await visit.open('?q=end0&show=healthy');
  assert.equal(await page.getByRole('searchbox').inputValue(), 'end0');
  assert.equal(await page.getByRole('combobox').inputValue(), 'healthy');
  for (const verdict of await page.locator('#main tbody td:nth-child(2)').allInnerTexts()) {
    assert.equal(verdict, '✓ healthy');
  }

  const narrow = await visit.open('?q=PEND04');
  await shows(narrow, ['pend04']);
  const none = await visit.open(`?q=${encodeURIComponent('"><b>nothing')}`);
  assert.equal(await none.getByRole('searchbox').inputValue(), '"><b>nothing');
  await none.getByRole('link', { name: 'Show all' }).click();
  await shows(none, ALL);
  await visit.end();
});
