import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { format } from '../../src/format/format.js';

const MIB = 1024 * 1024;
/** Our boot code is our own. */
const BOOT_CODE = { from: 0x54, to: 0x1fe };

/** Positions of the first bytes that differ, in words. */
function differences(ours: Uint8Array, theirs: Uint8Array, ignore: (at: number) => boolean): string[] {
  const found: string[] = [];
  const BLOCK = 4096;
  for (let block = 0; block < ours.length && found.length < 20; block += BLOCK) {
    const a = ours.subarray(block, block + BLOCK);
    const b = theirs.subarray(block, block + BLOCK);
    if (Buffer.compare(a, b) === 0) continue;
    for (let i = 0; i < a.length && found.length < 20; i++) {
      if (a[i] !== b[i] && !ignore(block + i)) found.push(`${(block + i).toString(16)}: ours ${a[i]}, theirs ${b[i]}`);
    }
  }
  return found;
}

/** Padding behind values and index entries, which mkntfs leaves as it was in memory; and a record number that it leaves out. */
function paddings(image: Uint8Array): Set<number> {
  const out = new Set<number>();
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const takeEntries = (from: number): void => {
    for (let at = from; ; ) {
      const length = view.getUint16(at + 8, true);
      const key = view.getUint16(at + 10, true);
      if (length < 16 || (view.getUint16(at + 12, true) & 2) !== 0) return;
      const data = view.getUint16(at, true);
      const size = view.getUint16(at + 2, true);
      const isView = key < 66;
      const end = isView ? at + data + size : at + 16 + key;
      for (let p = end; p < at + length; p++) out.add(p);
      at += length;
    }
  };
  for (let at = 0; at + 512 <= image.length; at += 512) {
    const magic = view.getUint32(at, true);
    if (magic === 0x58444e49) takeEntries(at + 24 + view.getUint32(at + 24, true));
    if (magic !== 0x454c4946) continue;
    const isKept = (view.getUint16(at + 22, true) & 1) === 0;
    for (let p = at + 44; isKept && p < at + 48; p++) out.add(p);
    for (let a = at + view.getUint16(at + 20, true); view.getUint32(a, true) !== 0xffffffff; ) {
      const end = view.getUint16(a + 20, true) + view.getUint32(a + 16, true);
      const isResident = image[a + 8] === 0;
      for (let p = a + end; isResident && p < a + view.getUint32(a + 4, true); p++) out.add(p);
      if (view.getUint32(a, true) === 0x90) takeEntries(a + view.getUint16(a + 20, true) + 32);
      a += view.getUint32(a + 4, true);
    }
  }
  return out;
}

describe.runIf(requireTools('mkntfs'))('format, byte by byte against mkntfs', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-mkntfs-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    [64 * MIB, 4096, 512, 'Test'],
    [64 * MIB, 512, 512, ''],
    [32 * MIB, 1024, 512, 'Ünïcödé Ω 名'],
    [32 * MIB, 2048, 1024, 'x'],
    [33 * MIB, 8192, 512, 'x'],
    [33 * MIB, 16384, 512, 'x'],
    [40 * MIB, 65536, 512, 'x'],
    [20 * MIB, 4096, 2048, 'x'],
    [30 * MIB, 4096, 4096, 'x'],
    [64 * MIB, 65536, 4096, 'x'],
    [210 * MIB, 1048576, 512, 'x'],
    [2050 * 512, 512, 512, 'x'],
    [2050 * 512, 16384, 512, 'x'],
    [3 * MIB, 4096, 512, 'x'],
    [4 * MIB, 1024, 512, 'x'],
    [5 * MIB + 1536, 4096, 512, 'x'],
  ])('%i bytes, clusters of %i, sectors of %i, label %s', async (size, blockSize, sectorSize, label) => {
    const path = join(folder, 'theirs.img');
    writeFileSync(path, '');
    truncateSync(path, size);
    const args = ['-Q', '-F', '-T', '-c', `${blockSize}`, '-s', `${sectorSize}`, '-L', label, path];
    execFileSync('mkntfs', args, { stdio: 'pipe', env: { ...process.env, LC_ALL: 'C.UTF-8' } });
    const theirs = readFileSync(path);
    const device = new MemoryDevice(size);
    const uuid = theirs.readBigUInt64LE(72).toString(16).padStart(16, '0');
    await format(device, 'ntfs', { label, blockSize, sectorSize, uuid, now: { sec: 0, nsec: 0 } });
    const ours = await device.read(0, size);
    const spare = paddings(theirs);
    const backup = (Math.floor(size / sectorSize) - 1) * sectorSize;
    const isCode = (at: number): boolean =>
      [0, backup].some((base) => at >= base + BOOT_CODE.from && at < base + BOOT_CODE.to);
    expect(differences(ours, theirs, (at) => isCode(at) || spare.has(at))).toEqual([]);
  });
});
