import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Visit } from './support/browser.js';
import { browser, lab } from './support/open-lab.js';

/** Every value of these fields, however deep. */
function values(json, fields) {
  if (json === null || typeof json !== 'object') return [];
  return Object.entries(json).flatMap(([name, value]) => (fields.includes(name) ? [value] : values(value, fields)));
}

async function firstOfStream() {
  const stop = new AbortController();
  const answer = await fetch(lab.url('api/v1/stream'), { signal: stop.signal });
  let text = '';
  for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (/^data: .*\n\n/m.test(text)) break;
  }
  stop.abort();
  return text;
}

test('whence and with what somebody is connected is on no page', async () => {
  const experiments = await lab.json('api/v1/experiments');
  const secrets = new Set(values(experiments, ['remote_addr', 'user_agent']));
  assert.ok(secrets.size >= 2 && ![...secrets].includes(''), `nothing to look for: ${[...secrets]}`);

  const text = async (path) => (await fetch(lab.url(path))).text();
  const shown = new Map([['api/v1/stream', await firstOfStream()]]);
  const pages = ['', '?experiment=pend00', '?q=pend', 'api/v1/system', 'api/v1/experiments/pend00', 'api/v1/events', '?maintenance'];
  for (const path of pages) shown.set(path, await text(path));
  // And once the script has been at work.
  const visit = await Visit.start(browser, lab);
  for (const path of ['', '?experiment=pend00']) {
    const page = await visit.open(path);
    shown.set(`${path} in the browser`, await page.content());
  }
  await visit.end();

  for (const [where, content] of shown) {
    assert.match(content, /pend00|"revision"|Maintenance/, where);
    for (const secret of secrets) assert.ok(!content.includes(secret), `${where} has ${secret}`);
  }
});
