import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertNotReloaded, mark, names, row, startBrowser, Visit } from './support/browser.js';
import { Lab } from './support/lab.js';
import { until } from './support/processes.js';

let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser?.close());

for (const [where, proxy] of [['below a path of nginx', true], ['at the root of the server itself', false]]) {
  test(`the page is whole ${where}, and all that it asks for is there`, async (t) => {
    const lab = await Lab.start({ proxy });
    t.after(() => lab.stop());
    await lab.decided();
    const visit = await Visit.start(browser, lab);
    const page = await visit.open();

    const told = () => page.locator('#system').innerText();
    const isWell = async () => /all healthy\s+6 of 6 healthy/.test(await told()) && (await page.title()) === '✓ status';
    await until('all are healthy, also where the demo has broken something meanwhile', isWell, 90_000);
    const system = await told();
    assert.match(system, /none out\s+6 of 6 bookable/);
    for (const feed of ['relay', 'jump']) {
      assert.match(system, new RegExp(`${feed}\\s+✓ reports\\s+\\d+ s ago`));
    }
    assert.match(system, /book\s+✓ answers\s+read \d+ s ago/);
    assert.deepEqual(await names(page), ['pend00', 'pend01', 'pend02', 'pend03', 'pend04', 'pend05']);
    assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('.tiles')).display), 'grid');

    const paths = ['', '?experiment=pend00', '?timeline', 'timeline', '?incidents', '?report', '?students', 'students/pend00'];
    for (const path of paths) {
      await page.goto(lab.url(path));
      for (const address of await addresses(page)) {
        assert.ok(address.startsWith(lab.address), `${address} is not below ${lab.address}`);
        assert.equal((await fetch(address)).status, 200, address);
      }
      await page.locator('#main a:visible, header a:visible').first().click();
      await page.locator('#main').waitFor();
      assert.ok(page.url().startsWith(lab.address), `${path} leads to ${page.url()}`);
    }
    await visit.end();
  });
}

test('the path without its slash leads to the page', async (t) => {
  const lab = await Lab.start();
  t.after(() => lab.stop());
  const answer = await fetch(lab.address.slice(0, -1), { redirect: 'manual' });
  assert.equal(answer.status, 301);
  assert.equal(answer.headers.get('location'), lab.address);
});

for (const path of ['/bare', '/rewritten']) {
  test(`the page is whole and live at ${path}, which a proxy takes off without a slash`, async (t) => {
    const lab = await Lab.start();
    t.after(() => lab.stop());
    await lab.decided();
    lab.below(path);
    for (const javaScriptEnabled of [false, true]) {
      const visit = await Visit.start(browser, lab, { javaScriptEnabled });
      const page = await visit.open('', { live: javaScriptEnabled });
      assert.equal(await page.locator('.tiles').evaluate((tiles) => getComputedStyle(tiles).display), 'grid');
      if (javaScriptEnabled) {
        for (const address of await addresses(page)) {
          assert.ok(address.startsWith(lab.address), `${address} is not below ${lab.address}`);
          assert.equal((await fetch(address)).status, 200, address);
        }
        await mark(page);
        await until('an outage is shown', async () => /unhealthy/.test(await row(page, 'pend01').innerText()), 60_000);
        await assertNotReloaded(page);
      }
      await visit.end();
    }
  });
}

/** Every address in a page, as the browser understands it. */
function addresses(page) {
  return page.evaluate(() => [
    ...new Set([...document.querySelectorAll('[href], [src], [action]')].map((one) => {
      const written = ['href', 'src', 'action'].map((name) => one.getAttribute(name)).find((text) => text !== null);
      return new URL(written, document.baseURI).href.split('#')[0];
    })),
  ]);
}
