import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { NodeHostFiles } from '../../src/runtime/node-host-files.js';
import { AlternatingBuffers } from '../../src/vfs/read-buffers.js';

const SIZE = 4096;
const folder = mkdtempSync(join(tmpdir(), 'read-buffers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('lent memory', () => {
  it('is taken by one read, of its own length, and comes back every second time', async () => {
    const path = join(folder, 'file');
    writeFileSync(
      path,
      Uint8Array.from({ length: 8 * SIZE }, (_, i) => i >> 12),
    );
    const file = await new NodeHostFiles().open(path, { writable: false });
    const buffers = new AlternatingBuffers(SIZE);
    const chunks: Uint8Array[] = [];
    for (let i = 0; i < 4; i++) chunks.push(await file.read(i * SIZE, SIZE, buffers.lend({ bulk: true })));
    expect(chunks.map(({ buffer }) => chunks.findIndex((chunk) => chunk.buffer === buffer))).toEqual([0, 1, 0, 1]);
    expect(chunks.map((chunk) => chunk[7])).toEqual([2, 3, 2, 3]);

    // A RAID reads the same range of several disks at once, with the options it was given.
    const options = buffers.lend({ bulk: true });
    const parts = await Promise.all([4, 5, 6].map((i) => file.read(i * SIZE, SIZE, options)));
    expect(parts.map((part) => [part[0], part[SIZE - 1]])).toEqual([
      [4, 4],
      [5, 5],
      [6, 6],
    ]);
    const short = await file.read(7 * SIZE, 100, buffers.lend({ bulk: true }));
    expect(chunks.some(({ buffer }) => buffer === short.buffer)).toBe(false);
    await file.close();
  });
});
