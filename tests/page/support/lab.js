// A running `status demo`, and nginx in front of it with the snippet that people install.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { find, Program, until } from './processes.js';

export const repository = fileURLToPath(new URL('../../..', import.meta.url));
const TEMPLATE = fileURLToPath(new URL('../nginx.conf', import.meta.url));
const SNIPPET = join(repository, 'deploy/nginx.conf');

/** What the page is put below: not at the root, and not where the snippet puts it. */
export const BASE = '/tenant/status/';

/** The newer of two files first: one that was built long ago is another server. */
function newerFirst(one, other) {
  const built = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return built(other) - built(one);
}

export class Lab {
  static async start({ proxy = true } = {}) {
    const lab = new Lab();
    try {
      await lab.#startDemo(0);
      lab.address = lab.direct;
      if (proxy) await lab.#startProxy();
    } catch (error) {
      await lab.stop();
      throw error;
    }
    return lab;
  }

  async #startDemo(port) {
    const chosen = process.env.STATUS_BIN;
    const places = ['release', 'debug'].map((profile) => join(repository, 'target', profile, 'status')).sort(newerFirst);
    const file = find(chosen ? [chosen] : places, 'no status: build it with `cargo build`, or set STATUS_BIN');
    this.demo = new Program(file, ['demo', '--port', String(port)]);
    const [, address] = await this.demo.says(/look at (http:\/\/127\.0\.0\.1:\d+\/)/);
    this.direct = address;
  }

  async #startProxy() {
    const file = find(['nginx'], 'no nginx: install it (Debian: `apt-get install nginx-light`)');
    this.folder = mkdtempSync(join(tmpdir(), 'status-page-'));
    // Between the choice of a port and its use somebody else may take it.
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort();
      writeFileSync(join(this.folder, 'status.conf'), snippet(new URL(this.direct).port));
      const settings = Object.entries({ folder: this.folder, port, server: new URL(this.direct).port })
        .reduce((text, [name, value]) => text.replaceAll(`{{${name}}}`, value), readFileSync(TEMPLATE, 'utf8'));
      writeFileSync(join(this.folder, 'nginx.conf'), settings);
      this.proxy = new Program(file, ['-p', this.folder, '-e', 'stderr', '-c', join(this.folder, 'nginx.conf')]);
      this.address = `http://127.0.0.1:${port}${BASE}`;
      const answers = () => fetch(this.address).then((answer) => answer.ok, () => false);
      await until('nginx answers', async () => this.proxy.over || (await answers()));
      if (!this.proxy.over) return;
      const lines = this.proxy.lines.join('\n');
      if (attempt === 3 || !lines.includes('Address already in use')) throw new Error(`nginx ended:\n${lines}`);
    }
  }

  /** From now on the page is looked at below another path of the proxy. */
  below(path) {
    this.address = new URL(path, this.address).href;
  }

  /** Where something is, for who comes from outside. */
  url(path = '') {
    return new URL(path, this.address).href;
  }

  async json(path) {
    const answer = await fetch(this.url(path));
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  }

  /** Waits until every experiment has its first verdict. */
  async decided() {
    // As it was before the demo is not as it is.
    await until('every experiment is healthy', async () => {
      const { counts } = await this.json('api/v1/system');
      return counts.healthy === 6 && counts.restored === 0;
    });
  }

  /** Lets time stand still for the server and its mock services, so that a state can be looked at. */
  hold() {
    this.demo.signal('SIGSTOP');
  }

  goOn() {
    this.demo.signal('SIGCONT');
  }

  async kill() {
    await this.demo.stop();
  }

  /** Starts another server at the same port. */
  async startAgain() {
    await this.#startDemo(new URL(this.direct).port);
  }

  async stop() {
    await this.proxy?.stop();
    await this.demo?.stop();
    if (this.folder) rmSync(this.folder, { recursive: true });
  }
}

/** The snippet that people install, with this server's port and another path. */
function snippet(port) {
  let text;
  try {
    text = readFileSync(SNIPPET, 'utf8');
  } catch (error) {
    throw new Error(`the page is tested behind deploy/nginx.conf, which cannot be read: ${error.message}`);
  }
  for (const [old, fresh] of [
    [/^(location (?:= )?)\/status\//gm, `$1${BASE}`],
    [/127\.0\.0\.1:3007/g, `127.0.0.1:${port}`],
  ]) {
    if (text.search(old) < 0) throw new Error(`deploy/nginx.conf has no ${old}: tests/page must learn what it has now`);
    text = text.replace(old, fresh);
  }
  return text;
}

function freePort() {
  return new Promise((chosen, failed) => {
    const server = createServer();
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => chosen(port));
    });
  });
}
