import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { equalBytes, isZero } from '@vmcraft/core/binary';
import { MemoryDevice } from '@vmcraft/core/block';
import { type BlockDevice, hasSparseMap } from '@vmcraft/core/contracts';
import { pattern, requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { scanGroups } from '../src/group-scan.js';
import { VolumeBuilder } from '../src/volume-builder.js';
import { discover, fixtureDisks, sha256 } from './support.js';

/** A volume that is not shown, such as a pool's metadata. */
async function hiddenVolume(disks: readonly BlockDevice[], name: string): Promise<BlockDevice> {
  const { groups } = await scanGroups(
    disks.map((device) => ({ device })),
    () => undefined,
  );
  return new VolumeBuilder(groups[0]!, () => undefined).open(name);
}

/** What thin_check and thin_dump say of a pool. */
async function judge(disks: readonly BlockDevice[], pool: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-thin-'));
  try {
    const file = join(folder, 'metadata');
    const metadata = await hiddenVolume(disks, `${pool}_tmeta`);
    writeFileSync(file, await metadata.read(0, metadata.size));
    execFileSync('thin_check', ['-q', file], { encoding: 'utf8' });
    return execFileSync('thin_dump', [file], { encoding: 'utf8', maxBuffer: 1 << 26 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Writes here and there: new chunks, shared ones, parts and many at once. */
const WRITES: readonly (readonly [volume: string, offset: number, length: number])[] = [
  ['base', 65536 * 3 + 100, 5000],
  ['base', 65536 * 900, 65536 * 3 + 7],
  ['snap1', 0, 200_000],
  ['snap2', 65536 * 20 + 4096, 65536],
  ['external', 65536 * 5 + 10, 50],
  ['empty', 0, 1_000_000],
  ['empty', 8 * 1024 * 1024 - 100, 100],
  ['oddthin', 300_000, 500_000],
  ['base', 64 * 1024 * 1024 - 1000, 1000],
];

const step = 1 << 20;
async function copyOf(device: BlockDevice): Promise<MemoryDevice> {
  const copy = new MemoryDevice(device.size);
  for (let at = 0; at < device.size; at += step) {
    const data = await device.read(at, Math.min(step, device.size - at));
    if (!isZero(data)) await copy.write(at, data);
  }
  return copy;
}

describe('writing thin volumes', () => {
  it('gives chunks their own place and leaves the other volumes alone', async () => {
    const disks = fixtureDisks('thin');
    const { tree } = await discover(disks);
    const open = (name: string): BlockDevice => tree.find(`/dev/vgthin/${name}`)!.device;
    const names = ['base', 'snap1', 'snap2', 'external', 'empty', 'oddthin', 'outside'];
    const models = new Map<string, MemoryDevice>();
    for (const name of names) models.set(name, await copyOf(open(name)));
    for (const [name, offset, length] of WRITES) {
      const data = pattern(length, offset);
      await open(name).write(offset, data);
      await models.get(name)!.write(offset, data);
      expect(equalBytes(await open(name).read(offset, length), data)).toBe(true);
    }
    const again = await discover(disks);
    for (const name of names) {
      const device = again.tree.find(`/dev/vgthin/${name}`)!.device;
      expect(await sha256(device), name).toBe(await sha256(models.get(name)!));
    }
  }, 60_000);

  it.runIf(requireTools('thin_check', 'thin_dump'))(
    'leaves metadata that thin_check accepts',
    async () => {
      const disks = fixtureDisks('thin');
      const { tree } = await discover(disks);
      const before = await judge(disks, 'pool');
      for (const [name, offset, length] of WRITES) {
        await tree.find(`/dev/vgthin/${name}`)!.device.write(offset, pattern(length, offset));
      }
      const after = await judge(disks, 'pool');
      await judge(disks, 'odd');
      const mapped = (dump: string, id: number): number =>
        Number(new RegExp(`dev_id="${id}" mapped_blocks="(\\d+)"`).exec(dump)?.[1]);
      expect(mapped(before, 5)).toBe(0);
      expect(mapped(after, 5)).toBe(17);
      expect(mapped(after, 1)).toBeGreaterThan(mapped(before, 1));
    },
    60_000,
  );

  it.runIf(requireTools('thin_check', 'thin_dump'))(
    'splits and fills nodes of trees until the pool is full',
    async () => {
      const disks = fixtureDisks('thin');
      const { tree } = await discover(disks);
      const base = tree.find('/dev/vgthin/base')!.device;
      const snap = tree.find('/dev/vgthin/snap2')!.device;
      let written = 0;
      const fill = async (): Promise<void> => {
        for (let chunk = 1023; chunk >= 0; chunk -= 2) {
          await (chunk % 3 === 0 ? snap : base).write(chunk * 65536 + 9, pattern(20));
          written++;
        }
      };
      await expect(fill()).rejects.toMatchObject({ code: 'ENOSPC' });
      expect(written).toBeGreaterThan(40);
      expect(await judge(disks, 'pool')).toContain('<superblock');
      expect(equalBytes(await base.read(1021 * 65536 + 9, 20), pattern(20))).toBe(true);
    },
    60_000,
  );

  it('knows what was never written', async () => {
    const { tree } = await discover(fixtureDisks('thin'));
    const { device } = tree.find('/dev/vgthin/base')!;
    if (!hasSparseMap(device)) throw new Error('no map');
    let data = 0;
    let end = 0;
    for await (const run of device.extents(0, device.size)) {
      expect(run.offset).toBe(end);
      end += run.length;
      if (run.kind === 'data') data += run.length;
      else expect(await device.read(run.offset, Math.min(run.length, 4096))).toSatisfy(isZero);
    }
    expect(end).toBe(device.size);
    expect(data % 65536).toBe(0);
    expect(data).toBeLessThan(device.size);
  });
});
