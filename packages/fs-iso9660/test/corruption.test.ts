import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isoDriver } from '../src/index.js';

const DESCRIPTOR = 16 * 2048;

describe.runIf(requireTools('xorriso'))('damaged discs', () => {
  let good: Uint8Array;
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-iso-'));
    writeFileSync(join(folder, 'file'), 'contents');
    const path = join(folder, 'disc.iso');
    execFileSync('xorriso', ['-as', 'mkisofs', '-quiet', '-R', '-o', path, join(folder, 'file')], { stdio: 'ignore' });
    good = new Uint8Array(readFileSync(path));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const damaged = (change: (data: Uint8Array, view: DataView) => void): MemoryDevice => {
    const data = good.slice();
    change(data, new DataView(data.buffer));
    return MemoryDevice.from(data);
  };
  const open = (device: MemoryDevice) => isoDriver.open(device, { readonly: true });

  it('a block size that cannot be', async () => {
    const device = damaged((_, view) => view.setUint16(DESCRIPTOR + 128, 3000, true));
    await expect(open(device)).rejects.toMatchObject({ code: 'VMC_CORRUPT', data: { field: 'logicalBlockSize' } });
  });

  it('no primary descriptor', async () => {
    const device = damaged((data) => data.fill(255, DESCRIPTOR, DESCRIPTOR + 1));
    await expect(open(device)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });

  it('a root past the end', async () => {
    const device = damaged((_, view) => view.setUint32(DESCRIPTOR + 156 + 2, 0x00ff_ffff, true));
    await expect(open(device)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });

  it('High Sierra is named, not misread', async () => {
    const device = damaged((data) => {
      data.fill(0, DESCRIPTOR, DESCRIPTOR + 8);
      data.set(new TextEncoder().encode('CDROM'), DESCRIPTOR + 9);
    });
    expect(await isoDriver.probe(device)).toMatchObject({ type: 'iso9660' });
    await expect(open(device)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED' });
  });

  it('a record longer than its sector', async () => {
    await using fs = await open(MemoryDevice.from(good));
    const node = (await fs.lookup(fs.root, 'file'))!;
    const device = damaged((data) => data.fill(255, node.ino, node.ino + 1).fill(255, node.ino + 32, node.ino + 33));
    await using bad = await open(device);
    await expect(bad.lookup(bad.root, 'file')).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });

  it.each([
    ['SF', /sparse/],
    ['ZF', /compression/],
  ])('contents that %s tells of are refused, and the file is listed all the same', async (signature, message) => {
    await using fs = await open(MemoryDevice.from(good));
    const node = (await fs.lookup(fs.root, 'file'))!;
    const device = damaged((data) => {
      // The entry of times has room for the other one.
      const from = data.indexOf(0x54, node.ino + 33);
      const at = [...data.keys()].slice(from, from + 200).find((i) => data[i] === 0x54 && data[i + 1] === 0x46)!;
      data.set(new TextEncoder().encode(signature), at);
    });
    await using bad = await open(device);
    const names: string[] = [];
    for await (const { name } of bad.readdir(bad.root)) names.push(name);
    expect(names).toEqual(['file']);
    const file = (await bad.lookup(bad.root, 'file'))!;
    await expect(bad.read(file, 0, 1)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED', message });
  });

  it('a continuation that never ends', async () => {
    const device = damaged((data, view) => {
      const root = view.getUint32(DESCRIPTOR + 156 + 2, true);
      const area = Math.floor(data.length / 2048) - 1;
      // The system use area of the root's own record: SP, then a CE that leads to a CE that leads to itself.
      const entry = (at: number): void => {
        data.set([0x43, 0x45, 28, 1], at);
        for (const [i, value] of [area, 0, 28].entries()) view.setUint32(at + 4 + i * 8, value, true);
      };
      data.set([0x53, 0x50, 7, 1, 0xbe, 0xef, 0], root * 2048 + 34);
      entry(root * 2048 + 41);
      entry(area * 2048);
    });
    await expect(open(device)).rejects.toMatchObject({ code: 'VMC_CORRUPT', message: /do not end/ });
  });
});
