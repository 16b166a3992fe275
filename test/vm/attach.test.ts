// Volumes as devices of a kernel that has nbd.
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasVm, inVm } from './vm.js';

const LIMIT = 600;
/** Of each of four at once. */
const ROUNDS = 25;
const REPOSITORY = join(import.meta.dirname, '../..');

describe.runIf(hasVm('unshare'))('attaching by the nbd of a kernel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-attach-'));
  const program = join(folder, 'dist/worker.mjs');

  beforeAll(async () => {
    mkdirSync(join(folder, 'dist'));
    cpSync(join(REPOSITORY, 'packages/fs-host/helper'), join(folder, 'helper'), { recursive: true });
    await build({
      entryPoints: [join(import.meta.dirname, 'attach-worker.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      conditions: ['@vmcraft/source'],
      banner: {
        js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
      },
      logLevel: 'error',
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it(
    'a hundred times, four at once: each is itself, and none is left',
    async () => {
      const script = `${process.execPath} ${program} ${ROUNDS}`;
      const { status, stdout, stderr } = await inVm(script, { seconds: LIMIT, memory: 1024 });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
      expect(report).toMatchObject({ way: 'nbd', connected: [], left: expect.stringMatching(/^\/dev\/nbd\d+$/) });
      expect(report.paths).toEqual(expect.arrayContaining(['/dev/nbd0', '/dev/nbd1']));
    },
    (LIMIT + 60) * 1000,
  );
});
