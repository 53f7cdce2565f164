import assert from 'node:assert/strict';
import { test } from 'node:test';

import { row, Visit } from './support/browser.js';
import { browser, lab } from './support/open-lab.js';
import { until } from './support/processes.js';

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

/** An experiment that has just gone down, so that there is time to acknowledge it. */
async function justDown() {
  return until('an experiment has just gone down', async () => {
    for (const { topic_name: name, healthy } of await lab.json('api/v1/experiments')) {
      if (healthy) continue;
      const { since, acknowledgement } = await lab.json(`api/v1/experiments/${name}`);
      if (!acknowledgement && Date.now() - Date.parse(since) < 4000) return name;
    }
    return null;
  }, 150_000);
}

async function fits(page) {
  const wide = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide[0] <= wide[1], `${wide}`);
}

async function signIn(page, link) {
  await link.click();
  const [token] = await lab.demo.says(/^eyJ[\w.-]+$/);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript';

  test(`on a phone a problem is acknowledged, and that is taken back, ${how}`, async () => {
    const visit = await Visit.start(browser, lab, { ...PHONE, javaScriptEnabled });
    const name = await justDown();
    const page = await visit.context.newPage();
    await page.goto(lab.url(`?experiment=${name}#acknowledge`));
    const part = page.locator('#acknowledge');
    await signIn(page, part.getByRole('link', { name: 'Sign in' }));
    await page.waitForURL(lab.url(`?experiment=${name}#acknowledge`));
    await part.getByLabel('What others should know').fill('camera "ordered" <soon>');
    if (javaScriptEnabled) {
      // What is typed stays while the page is fetched anew.
      await page.waitForTimeout(3000);
      await fits(page);
    }
    await part.getByRole('button', { name: 'Acknowledge' }).click();
    await part.getByText('demo knows of it').waitFor();
    assert.match(await part.innerText(), /since .*: camera "ordered" <soon>\./);
    assert.equal((await lab.json(`api/v1/experiments/${name}`)).acknowledgement.note, 'camera "ordered" <soon>');
    const overview = await visit.open('', { live: javaScriptEnabled });
    assert.match(await row(overview, name).innerText(), /acknowledged by demo/);
    if (javaScriptEnabled) await fits(overview);
    await part.getByRole('button', { name: 'Withdraw the acknowledgement' }).click();
    await page.locator('#remarks').getByText(/demo took it back/).first().waitFor();
    await visit.end();
  });

  test(`on a phone a window is set, seen and ended, ${how}`, async () => {
    const visit = await Visit.start(browser, lab, { ...PHONE, javaScriptEnabled, expected: [/\b422\b/] });
    const page = await visit.context.newPage();
    await page.goto(lab.url());
    await page.locator('#maintenance').getByRole('link', { name: 'Maintenance' }).click();
    await signIn(page, page.locator('#new').getByRole('link', { name: 'Sign in' }));
    await page.waitForURL((url) => url.search === '?maintenance');
    if (javaScriptEnabled) await fits(page);

    const reason = `new "bearings" <${how}>`;
    await page.getByLabel('What it is about').fill('pend05\na/"b<c>');
    await page.getByLabel('Why, for').fill(reason);
    await page.getByLabel('For', { exact: true }).fill('2 hours');
    await page.getByRole('button', { name: 'Set the window' }).click();
    // What is wrong stands beside its field, and what was typed is still there.
    await page.locator('#for-wrong').waitFor();
    assert.equal(await page.getByLabel('What it is about').inputValue(), 'pend05\na/"b<c>');
    assert.equal(await page.getByLabel('Why, for').inputValue(), reason);
    if (javaScriptEnabled) {
      await page.waitForTimeout(3000);
      assert.ok(await page.locator('#for-wrong').isVisible());
      await fits(page);
    }
    await page.getByLabel('For', { exact: true }).fill('2h');
    await page.getByRole('button', { name: 'Set the window' }).click();
    const mine = page.locator('#windows li', { hasText: reason });
    await mine.waitFor();
    assert.match(await mine.innerText(), /On: pend05, a\/"b<c>\s+until .*Z · booking: as the verdicts say/);

    const overview = await visit.open('', { live: javaScriptEnabled });
    assert.ok((await overview.locator('#maintenance').innerText()).includes(reason));
    await until('the row says so', async () => {
      await overview.reload();
      return (await row(overview, 'pend05').innerText()).includes('in maintenance');
    });
    const detail = await visit.open('?experiment=pend05', { live: javaScriptEnabled });
    assert.ok((await detail.locator('#maintain').innerText()).includes(reason));

    await mine.getByRole('button', { name: /^End window/ }).click();
    await page.locator('#remarks').getByText(/demo ended maintenance/).first().waitFor();
    assert.equal(await mine.count(), 0);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL((url) => url.search === '' || url.search === '?');
    await visit.end();
  });
}
