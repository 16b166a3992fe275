import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const source = fileURLToPath(new URL('../../src/launcher/launch.ts', import.meta.url));

/** A program of two parts; the second is loaded when it is asked for `more`, and says whether it was compiled before. */
const FIRST = `(function(require,exports,imported){"use strict";
const {greet}=require("./second-1.js");
if(process.argv.includes("more"))require("./third-1.js");
if(process.argv.includes("fail"))process.exit(3);
imported("node:path").then(({sep})=>process.stdout.write(greet()+sep));})`;
const SECOND = `(function(require,exports){"use strict";exports.greet=()=>"hello";})`;
const THIRD = `(function(require,exports){"use strict";require("node:fs");process.stdout.write("third ");})`;

describe('a program of parts', () => {
  let folder: string;
  let cache: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-launch-'));
    cache = join(folder, 'cache');
    mkdirSync(cache);
    await build({
      entryPoints: [source],
      outfile: join(folder, 'launch.cjs'),
      bundle: true,
      platform: 'node',
      format: 'cjs',
    });
    writeFileSync(join(folder, 'first-1.js'), FIRST);
    writeFileSync(join(folder, 'second-1.js'), SECOND);
    writeFileSync(join(folder, 'third-1.js'), THIRD);
    writeFileSync(join(folder, 'main.cjs'), `require('./launch.cjs').launch(__dirname, './first-1.js', 'test')`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (...args: string[]): string =>
    execFileSync(process.execPath, [join(folder, 'main.cjs'), ...args], {
      encoding: 'utf8',
      env: { ...process.env, XDG_CACHE_HOME: cache },
    });
  const kept = (): string[] =>
    readdirSync(cache, { recursive: true })
      .map(String)
      .filter((name) => /test/.test(name));

  it('runs alike the first time and with compiled code', () => {
    expect(kept()).toEqual([]);
    expect(run()).toBe('hello/');
    expect(kept()).toHaveLength(1);
    expect(run()).toBe('hello/');
    expect(run('more')).toBe('third hello/');
    expect(run('more')).toBe('third hello/');
  });

  it('runs where what was kept is damaged', () => {
    const path = join(cache, kept()[0] as string);
    writeFileSync(path, Buffer.alloc(10_000, 0x41));
    expect(run()).toBe('hello/');
  });

  it('keeps nothing of a run that failed', () => {
    rmSync(cache, { recursive: true });
    mkdirSync(cache);
    expect(() => run('fail')).toThrow(expect.objectContaining({ status: 3 }));
    expect(kept()).toEqual([]);
  });
});
