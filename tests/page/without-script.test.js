import assert from 'node:assert/strict';
import { test } from 'node:test';

import { names, Visit } from './support/browser.js';
import { browser, lab } from './support/open-lab.js';

test('without JavaScript the page is whole, and says that it does not update by itself', async () => {
  const visit = await Visit.start(browser, lab, { javaScriptEnabled: false });
  const page = await visit.open('', { live: false });
  assert.equal(await page.locator('#connection').innerText(), 'This page does not update by itself: reload it.');
  assert.match(await page.locator('#system').innerText(), /6 of 6 healthy/);
  assert.equal((await names(page)).length, 6);

  await page.getByRole('searchbox').fill('d03');
  await page.getByRole('button', { name: 'Show' }).click();
  await page.waitForURL((url) => url.searchParams.get('q') === 'd03');
  assert.deepEqual(await names(page), ['pend03']);
  assert.equal(await page.getByRole('searchbox').inputValue(), 'd03');

  await page.getByRole('link', { name: 'pend03' }).click();
  assert.match(await page.locator('main').innerText(), /pend03-st-video/);
  await visit.end();
});
