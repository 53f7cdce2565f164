// Programs that the tests start. Each is ended by its own process id, also when a test run is broken off.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

const LINES_KEPT = 2000;

/** The first of these files that can be run; names without a folder are looked for in PATH. */
export function find(candidates, missing) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const places = candidates.flatMap((one) => (one.includes('/') ? [one] : folders.map((folder) => join(folder, one))));
  const found = places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw new Error(`${missing} (looked for ${candidates.join(', ')})`);
  return found;
}

/** Asks until there is an answer that counts, and fails with the last one when it takes too long. */
export async function until(what, ask, limit = 30_000) {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`not within ${limit / 1000} s: ${what} (last answer: ${answer})`);
    await new Promise((next) => setTimeout(next, 50));
  }
}

/** A program that runs, and the lines that it has written. */
export class Program {
  lines = [];

  constructor(file, options) {
    this.file = file;
    this.child = spawn(file, options, { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this.child);
    for (const output of [this.child.stdout, this.child.stderr]) {
      createInterface(output).on('line', (line) => {
        this.lines.push(line);
        if (this.lines.length > LINES_KEPT) this.lines.shift();
      });
    }
    this.ended = new Promise((ended) => {
      this.child.on('error', (error) => ended(this.lines.push(String(error))));
      this.child.on('close', ended);
    }).then(() => {
      running.delete(this.child);
      this.over = true;
    });
  }

  /** Waits until it writes what fits, and returns what was found. */
  async says(pattern, limit) {
    const found = () => this.lines.map((line) => line.match(pattern)).find(Boolean);
    const answer = await until(`${this.file} says ${pattern}`, () => found() ?? (this.over && 'over'), limit);
    if (answer === 'over') throw new Error(`${this.file} ended:\n${this.lines.slice(-20).join('\n')}`);
    return answer;
  }

  signal(name) {
    if (!this.over) this.child.kill(name);
  }

  /** Ends it: at once, since the server's own stop is tested elsewhere. */
  async stop() {
    this.signal('SIGKILL');
    await this.ended;
  }
}
