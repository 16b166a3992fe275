import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MemoryDevice } from '@vmcraft/core/block';
import type { NamedDevice } from '@vmcraft/core/contracts';
import { listTree } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { readCounts } from '../src/counts.js';
import { xfsDriver } from '../src/index.js';
import { ReplayOverlay } from '../src/replay-overlay.js';
import { openVolume } from '../src/volume.js';

const FOLDER = join(import.meta.dirname, 'fixtures');
const imageOf = (name: string): MemoryDevice =>
  MemoryDevice.from(gunzipSync(readFileSync(join(FOLDER, `${name}.img.gz`))));
const treeOf = (name: string): string[] =>
  readFileSync(join(FOLDER, `${name}.tree`), 'utf8')
    .trim()
    .split('\n')
    .sort();

interface Given {
  readonly mountOptions?: readonly string[];
  readonly others?: readonly NamedDevice[];
  readonly warnings?: string[];
}
function open(device: MemoryDevice, { mountOptions = [], others = [], warnings = [] }: Given = {}) {
  const warn = ({ message }: { message: string }): void => void warnings.push(message);
  return xfsDriver.open(device, { readonly: true, mountOptions, others: async () => others, warn });
}

describe('XFS of version 4 whose log was not written back', () => {
  it.each(['version-4', 'version-4-log-1', 'ignoring-case'])(
    '%s: what is read is what the kernel recovered',
    async (name) => {
      const warnings: string[] = [];
      await using fs = await open(imageOf(name), { warnings });
      expect(await listTree(fs, { links: true })).toEqual(treeOf(name));
      expect(warnings).toEqual([expect.stringMatching(/replayed in memory/)]);
      // Without the log it is another state.
      await using old = await open(imageOf(name), { mountOptions: ['norecovery'] });
      expect(await listTree(old, { links: true })).not.toEqual(treeOf(name));
    },
  );

  it('names are found without regard to case where that is asked for', async () => {
    await using fs = await open(imageOf('ignoring-case'));
    expect(fs.caseInsensitive).toBe(true);
    expect((await fs.lookup(fs.root, 'DEEP'))?.ino).toBe((await fs.lookup(fs.root, 'deep'))?.ino);
    const many = (await fs.lookup(fs.root, 'many'))!;
    expect(await fs.lookup(many, 'LATE 77')).toBeDefined();
    await using other = await open(imageOf('version-4'));
    expect(await other.lookup(other.root, 'DEEP')).toBeUndefined();
  });
});

describe('XFS over several devices', () => {
  const log: NamedDevice = { name: '/dev/sdb', device: imageOf('realtime-log') };
  const realtime: NamedDevice = { name: '/dev/sdc', device: imageOf('realtime-rt') };
  const rtdev = ['rtdev=/dev/sdc'];

  it('the log is found by its UUID and replayed, contents are on the realtime section that is named', async () => {
    const warnings: string[] = [];
    await using fs = await open(imageOf('realtime'), { mountOptions: rtdev, others: [realtime, log], warnings });
    expect(await listTree(fs, { links: true })).toEqual(treeOf('realtime'));
    expect(warnings).toEqual([expect.stringMatching(/replayed in memory/)]);
    expect(treeOf('realtime').length).toBeGreaterThan(300);
  });

  it('a log that is named is taken', async () => {
    const mountOptions = [...rtdev, 'logdev=/dev/sdb'];
    await using fs = await open(imageOf('realtime'), { mountOptions, others: [log, realtime] });
    expect(await listTree(fs, { links: true })).toEqual(treeOf('realtime'));
  });

  it('what is missing is said', async () => {
    await expect(open(imageOf('realtime'), { others: [realtime] })).rejects.toMatchObject({
      code: 'VMC_UNSUPPORTED',
      message: /a log on another device.*logdev=/,
    });
    await expect(open(imageOf('realtime'), { mountOptions: ['rtdev=/dev/sdx'], others: [log] })).rejects.toMatchObject({
      code: 'ENODEV',
      message: /\/dev\/sdx/,
    });
    await using fs = await open(imageOf('realtime'), { others: [log] });
    const text = (await fs.lookup(fs.root, 'text'))!;
    expect((await fs.stat(text)).size).toBeGreaterThan(100_000);
    await expect(fs.read(text, 0, 10)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED', message: /realtime.*rtdev=/ });
    const short = new MemoryDevice(1 << 20);
    const others = [log, { name: '/dev/sdc', device: short }];
    await expect(open(imageOf('realtime'), { mountOptions: rtdev, others })).rejects.toMatchObject({
      code: 'VMC_TRUNCATED',
    });
  });

  it('a log of another file system is not taken', async () => {
    const foreign = imageOf('realtime-log');
    for (let block = 0; block < foreign.size; block += 512) {
      const word = await foreign.read(block, 4);
      if (word.join() === [0xfe, 0xed, 0xba, 0xbe].join()) await foreign.write(block + 304, new Uint8Array(16).fill(7));
    }
    await expect(open(imageOf('realtime'), { others: [{ name: '/dev/sdb', device: foreign }] })).rejects.toMatchObject({
      code: 'VMC_UNSUPPORTED',
    });
  });

  it('one flipped bit in the header of an allocation group that replay left alone is noticed', async () => {
    const counts = async (device: MemoryDevice) => readCounts(await openVolume(new ReplayOverlay(device)));
    const good = imageOf('realtime');
    expect((await counts(good)).inodes).toBeGreaterThan(0);
    const { agCount, agBlocks, blockSize, sectorSize } = (await openVolume(good)).superblock;
    for (let group = 0; group < agCount; group++) {
      for (const [sector, name] of [
        [1, /xfs_agf/],
        [2, /xfs_agi/],
      ] as const) {
        const device = imageOf('realtime');
        const at = group * agBlocks * blockSize + sector * sectorSize + 100;
        const [byte = 0] = await device.read(at, 1);
        await device.write(at, Uint8Array.of(byte ^ 1));
        await expect(counts(device)).rejects.toMatchObject({ code: 'VMC_CORRUPT', message: name });
      }
    }
  });
});
