import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { requireTools } from '../../../testkit/src/tools.js';
import { SliceDevice } from '../../src/block/index.js';
import type { BlockDevice } from '../../src/contracts/index.js';
import { readPartitionTable } from '../../src/partition/index.js';
import { probeSignature } from '../../src/storage/index.js';
import { DATA, run, Scratch } from '../partition/disk-file.js';

type Blkid = Readonly<Record<string, string>>;
interface Entry {
  readonly name: string;
  readonly file?: string;
  readonly files?: readonly string[];
  readonly kind: string;
  readonly oracle?: {
    readonly blkid?: Blkid | readonly Blkid[];
    readonly content?: {
      readonly blkid?: Blkid;
      readonly partitions?: readonly { readonly blkid: Blkid; readonly start: number; readonly size: number }[];
    };
    readonly guest?: { readonly size: number };
    readonly label?: { readonly name: string; readonly pool_guid: string };
  };
}

const manifest = join(DATA, 'manifest.json');
const entries: readonly Entry[] = existsSync(manifest) ? (JSON.parse(readFileSync(manifest, 'utf8')) as Entry[]) : [];
const scratch = new Scratch();
afterAll(() => scratch.remove());

/** Later blkid versions than the oracle's tell more of these types. */
const TELLS_MORE = new Set(['BitLocker', 'cramfs', 'zfs_member']);

async function expectSignature(device: BlockDevice, oracle: Blkid): Promise<void> {
  const table = await readPartitionTable(device).catch(() => undefined);
  const found = await probeSignature(device, { partitions: table?.partitions ?? [] });
  expect(found?.type).toBe(oracle.TYPE);
  if (found === undefined || TELLS_MORE.has(found.type)) return;
  expect(found.uuid).toBe(oracle.UUID);
  expect(found.label).toBe(oracle.LABEL);
  expect(found.version).toBe(oracle.VERSION);
}

describe.runIf(requireTools(`data:${manifest}`))('signatures of real images, as blkid tells them', () => {
  const plain = entries.filter((e) => e.oracle?.blkid !== undefined && e.kind !== 'hive' && !e.name.includes('.vmdk'));
  it.each(plain.map((e) => [e.name, e] as const))('%s', async (_, entry) => {
    const oracle = entry.oracle!.blkid!;
    const device = await scratch.unpack(entry.file ?? entry.files![0]!);
    await expectSignature(device, Array.isArray(oracle) ? oracle[0] : (oracle as Blkid));
  });

  it.each(entries.filter((e) => e.kind === 'zfs' && e.oracle?.label).map((e) => [e.name, e] as const))(
    '%s',
    async (_, entry) => {
      const found = await probeSignature(await scratch.unpack(entry.file!));
      expect(found).toMatchObject({
        type: 'zfs_member',
        label: entry.oracle!.label!.name,
        uuid: entry.oracle!.label!.pool_guid,
      });
    },
  );

  it.each([
    ['bitlocker/aes-xts_128.bin.gz', '19540fda-3072-4554-9ddc-9df7343ef068', 'DESKTOP-QNI1MMF TestVolume 10/8/2021'],
    [
      'detect/bitlocker-win7.img.gz',
      '83330ba8-07b7-4ea8-b641-ff7bdf18f6b3',
      'DESKTOP-7BHQ0UE Bitlocker Win 10 25/07/2024',
    ],
  ])('the description of the BitLocker volume %s', async (file, uuid, label) => {
    expect(await probeSignature(await scratch.unpack(file))).toMatchObject({ uuid, label, version: '2' });
  });
});

describe.runIf(requireTools(`data:${manifest}`, 'qemu-img'))('what is on real disks', () => {
  const small = 2 ** 31;
  const disks = entries.filter(
    (e) => e.oracle?.content?.blkid !== undefined && (e.oracle.guest?.size ?? small) < small,
  );
  it.each(disks.map((e) => [e.name, e] as const))('%s', async (_, entry) => {
    const image = await scratch.unpack(entry.file!);
    const raw = scratch.path();
    const format = (entry as unknown as { opts: { fmt?: string } }).opts.fmt;
    run('qemu-img', ['convert', ...(format === undefined ? [] : ['-f', format]), '-O', 'raw', image.path, raw]);
    const device = scratch.open(raw);
    await expectSignature(device, entry.oracle!.content!.blkid!);
    for (const partition of entry.oracle!.content!.partitions ?? []) {
      await expectSignature(new SliceDevice(device, partition.start, partition.size), partition.blkid);
    }
  });
});
