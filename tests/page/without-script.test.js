import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { names, startBrowser, Visit } from './support/browser.js';
import { Lab } from './support/lab.js';

let browser;
let lab;
before(async () => {
  browser = await startBrowser();
  lab = await Lab.start();
  await lab.decided();
});
after(async () => {
  await browser?.close();
  await lab?.stop();
});

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
