import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { requireTools } from '../../../testkit/src/tools.js';
import { initPartitionTable, partitionWholeDisk, readPartitionTable } from '../../src/partition/index.js';
import { probeSignature, probeSignatures } from '../../src/storage/index.js';
import { type DiskFile, run, Scratch } from '../partition/disk-file.js';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const MIB = 2 ** 20;

/** What `blkid -p` says; empty when it finds nothing or contradictions. */
function blkid(disk: DiskFile): Record<string, string> {
  let text = '';
  try {
    text = run('blkid', ['-p', '-o', 'export', disk.path]);
  } catch (error) {
    if ((error as { status?: number }).status !== 2 && (error as { status?: number }).status !== 8) throw error;
  }
  return Object.fromEntries(text.split('\n').flatMap((l) => (l.includes('=') ? [l.split(/=(.*)/s).slice(0, 2)] : [])));
}

async function expectSame(disk: DiskFile): Promise<void> {
  const oracle = blkid(disk);
  const found = await probeSignature(disk);
  expect(found?.type).toBe(oracle.TYPE);
  expect(found?.uuid).toBe(oracle.UUID);
  expect(found?.version).toBe(oracle.VERSION);
  expect(found?.label).toBe(oracle.LABEL?.replace(/\\(.)/g, '$1'));
}

const MAKERS: readonly [tool: string, size: number, args: readonly string[]][] = [
  ['mke2fs', 8 * MIB, ['-q', '-F', '-t', 'ext2', '-L', 'plain two']],
  ['mke2fs', 8 * MIB, ['-q', '-F', '-t', 'ext3', '-L', 'three']],
  ['mke2fs', 8 * MIB, ['-q', '-F', '-t', 'ext4', '-L', 'sixteen letters!']],
  ['mke2fs', 8 * MIB, ['-q', '-F', '-t', 'ext4', '-O', '^has_journal']],
  ['mke2fs', 8 * MIB, ['-q', '-F', '-O', 'journal_dev']],
  ['mkfs.fat', 1440 * 1024, ['-n', 'FLOPPY']],
  ['mkfs.fat', 32 * MIB, ['-F', '16', '-n', 'SIXTEEN']],
  ['mkfs.fat', 64 * MIB, ['-F', '32', '-n', 'ESP']],
  ['mkfs.fat', 64 * MIB, ['-F', '32', '-S', '4096']],
  ['mkfs.exfat', 16 * MIB, ['-L', 'exfat disk']],
  ['mkfs.ntfs', 16 * MIB, ['-q', '-F', '-L', 'New volume']],
  ['mkfs.xfs', 320 * MIB, ['-q', '-L', 'data']],
  ['mkfs.btrfs', 128 * MIB, ['-q', '-L', 'pool']],
  ['mkfs.f2fs', 128 * MIB, ['-q', '-l', 'flash']],
  ['mkfs.reiserfs', 64 * MIB, ['-q', '-f', '-f', '-l', 'reiser']],
  ['mkfs.minix', 4 * MIB, ['-1']],
  ['mkfs.minix', 4 * MIB, ['-2', '-n', '30']],
  ['mkfs.minix', 4 * MIB, ['-3']],
  ['mkfs.bfs', 4 * MIB, []],
  ['mkswap', 4 * MIB, ['-L', 'swapped']],
  ['mkswap', 4 * MIB, ['-p', '65536']],
];

describe('signatures of what mkfs makes, as blkid tells them', () => {
  describe.each(MAKERS)('%s of %i bytes %j', (tool, size, args) => {
    it.runIf(requireTools(tool, 'blkid'))('is recognised', async () => {
      const disk = scratch.disk(size);
      run(tool, [...args, disk.path]);
      expect((await probeSignature(disk))?.type).toBeTypeOf('string');
      await expectSame(disk);
    });
  });

  it.runIf(requireTools('mksquashfs', 'blkid'))('squashfs', async () => {
    const path = scratch.path();
    mkdirSync(`${path}.d`);
    writeFileSync(`${path}.d/file`, 'text');
    run('mksquashfs', [`${path}.d`, path, '-quiet', '-no-progress']);
    await expectSame(scratch.open(path));
  });

  it.runIf(requireTools('mkfs.cramfs'))('cramfs', async () => {
    const path = scratch.path();
    mkdirSync(`${path}.d`);
    writeFileSync(`${path}.d/file`, 'text');
    run('mkfs.cramfs', ['-n', 'crammed', `${path}.d`, path]);
    expect(await probeSignature(scratch.open(path))).toMatchObject({ type: 'cramfs', label: 'crammed' });
  });

  it.runIf(requireTools('cryptsetup', 'blkid'))('LUKS', async () => {
    for (const type of ['luks1', 'luks2']) {
      const disk = scratch.disk(32 * MIB);
      const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
      const args = ['luksFormat', '-q', '--type', type, ...quick, disk.path, '-'];
      execFileSync('cryptsetup', args, { input: 'secret' });
      await expectSame(disk);
    }
  });
});

describe('contradicting signatures', () => {
  it.runIf(requireTools('mke2fs', 'mkswap', 'blkid'))('give no answer, as with blkid', async () => {
    const disk = scratch.disk(8 * MIB);
    run('mke2fs', ['-q', '-F', '-t', 'ext4', disk.path]);
    const swap = new Uint8Array(4096);
    swap.set(new TextEncoder().encode('SWAPSPACE2'), 4086);
    swap.set([1, 0, 0, 0, 8], 1024);
    await disk.write(4086, swap.subarray(4086));
    await disk.write(1024 - 1024 + 0x10040, new TextEncoder().encode('_BHRfS_M'));
    expect((await probeSignatures(disk)).map((m) => m.type)).toEqual(['ext4', 'btrfs']);
    expect(await probeSignature(disk)).toBeUndefined();
  });

  it.runIf(requireTools('mke2fs'))('a partition table does not hide a file system that was there before', async () => {
    const disk = scratch.disk(8 * MIB);
    run('mke2fs', ['-q', '-F', '-t', 'ext4', disk.path]);
    await partitionWholeDisk(disk, 'msdos');
    expect((await readPartitionTable(disk))?.type).toBe('msdos');
    expect((await probeSignature(disk))?.type).toBe('ext4');
  });

  it.runIf(requireTools('mkfs.fat', 'blkid'))(
    'a FAT boot sector is no partition table, and a table over it no FAT',
    async () => {
      const disk = scratch.disk(32 * MIB);
      run('mkfs.fat', [disk.path]);
      expect(await readPartitionTable(disk)).toBeUndefined();
      await initPartitionTable(disk, 'mbr');
      expect(await readPartitionTable(disk)).toMatchObject({ type: 'msdos', partitions: [] });
      expect(await probeSignature(disk)).toBeUndefined();
      expect(blkid(disk).PTTYPE).toBe('dos');
    },
  );

  it.runIf(requireTools('mkfs.ntfs'))('nor is an NTFS boot sector', async () => {
    const disk = scratch.disk(16 * MIB);
    run('mkfs.ntfs', ['-q', '-F', disk.path]);
    expect(await readPartitionTable(disk)).toBeUndefined();
  });

  it('an md superblock inside the last partition is not the disk’s', async () => {
    const disk = scratch.disk(16 * MIB);
    const at = 16 * MIB - 65536;
    await disk.write(at, new Uint8Array([0xfc, 0x4e, 0x2b, 0xa9, 0, 0, 0, 0, 90]));
    expect((await probeSignature(disk))?.type).toBe('linux_raid_member');
    expect(await probeSignature(disk, { partitions: [{ start: MIB, size: 15 * MIB }] })).toBeUndefined();
  });
});
