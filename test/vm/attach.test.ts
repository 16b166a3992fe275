// Volumes as devices of a kernel that has nbd.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasVm, inVm } from './vm.js';
import { buildWorker } from './worker.js';

const LIMIT = 600;
/** Of each of four at once. */
const ROUNDS = 25;

describe.runIf(hasVm('unshare'))('attaching by the nbd of a kernel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-attach-'));
  let program = '';

  beforeAll(async () => {
    program = await buildWorker('attach-worker', folder);
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
