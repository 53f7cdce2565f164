import assert from 'node:assert/strict';
import { test } from 'node:test';

import axe from 'axe-core';

import { Visit } from './support/browser.js';
import { browser, lab } from './support/open-lab.js';
import { until } from './support/processes.js';

// The lab shows what is wanted in an outage that comes again once in a round of three minutes.
const LONG = 240_000;

/** What axe finds in a page, the worst first. */
async function violations(page) {
  await page.evaluate(axe.source);
  const { violations: found, passes } = await page.evaluate(() => window.axe.run({ preload: false }));
  assert.ok(passes.length > 10, 'axe has looked at the page');
  return found.map(({ impact, id, help, nodes }) => ({ impact, text: `${impact}: ${id}: ${help}: ${nodes.map((node) => node.html).join(' | ')}` }));
}

test('axe finds nothing but trifles in any page, in light or dark, wide or narrow', async (t) => {
  const dark = { colorScheme: 'dark' };
  const phone = { viewport: { width: 390, height: 844 } };
  // What each shows in the outage.
  const views = [
    ['overview', '', {}, /pend01.*video silent/s],
    ['overview, dark', '', dark, /pend01.*video silent/s],
    ['overview, phone', '', phone, /pend01.*video silent/s],
    ['nothing found', '?q=nothing', {}, /No experiment fits/],
    ['experiment', '?experiment=pend01', {}, /✕ silent.*Outages.*until now/s],
    ['experiment, dark', '?experiment=pend01', dark, /✕ silent.*Outages.*until now/s],
    ['experiment, phone', '?experiment=pend01', phone, /✕ silent.*Outages.*until now/s],
    ['maintenance', '?maintenance', {}, /None is on or planned/],
    ['maintenance, signed in', '?maintenance', { ...phone, signedIn: true }, /What it is about/],
    ['experiment, signed in', '?experiment=pend01', { ...dark, signedIn: true }, /✕ silent.*Outages.*until now/s],
    ['unknown experiment', '?experiment=nobody', {}, /No experiment is called/],
  ];
  const visits = [];
  for (const [name, path, { signedIn, ...options }, shown] of views) {
    const visit = await Visit.start(browser, lab, { ...options, expected: [/404.*experiment=nobody/] });
    if (signedIn) {
      const [value] = await lab.demo.says(/^eyJ[\w.-]+$/);
      await visit.context.addCookies([{ name: 'status_token', value, url: lab.address }]);
    }
    visits.push([name, visit, await visit.open(path), shown]);
  }
  for (const [name, , page, shown] of visits) {
    await until(`${name} shows it`, async () => shown.test(await page.locator('main').innerText()), LONG);
  }
  lab.hold();

  const grave = [];
  for (const [name, visit, page, shown] of visits) {
    await page.bringToFront();
    for (const { impact, text } of await violations(page)) {
      t.diagnostic(`${name}: ${text}`);
      if (impact !== 'minor') grave.push(`${name}: ${text}`);
    }
    assert.match(await page.locator('main').innerText(), shown, name);
    await visit.end();
  }
  assert.deepEqual(grave, []);
});
