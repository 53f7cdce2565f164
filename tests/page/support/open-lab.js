// One browser, and one lab that has decided, for all tests of the file that imports this.
import { after, before } from 'node:test';

import { startBrowser } from './browser.js';
import { Lab } from './lab.js';

export let browser;
export let lab;

before(async () => {
  browser = await startBrowser();
  lab = await Lab.start();
  await lab.decided();
});
after(async () => {
  await browser?.close();
  await lab?.stop();
});
