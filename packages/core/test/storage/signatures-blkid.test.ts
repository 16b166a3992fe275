import { execFileSync } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import { requireTools } from '../../../testkit/src/tools.js';
import { crc32c } from '../../src/binary/index.js';
import { probeSignature, SIGNATURE_TYPES } from '../../src/storage/index.js';
import { run, Scratch } from '../partition/disk-file.js';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const MIB = 2 ** 20;

/** Types of ours that the oracle's version of blkid does not list, each with its reason. */
const OURS: Readonly<Record<string, string>> = {
  bcachefs: 'known to blkid from 2.39 on',
  LDM_member: 'a dynamic disk of Windows, which blkid tells as a partition table only',
};

/** What blkid may tell and we do not: nothing. */
const THEIRS: Readonly<Record<string, string>> = {};

type Part = readonly [at: number, bytes: Uint8Array | string];

/** A structure of so many bytes, filled by `fill`. */
function block(size: number, fill: (view: DataView, data: Uint8Array) => void): Uint8Array {
  const data = new Uint8Array(size);
  fill(new DataView(data.buffer), data);
  return data;
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const counting = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i % 250) + 1);

const via = block(51, (view, data) => {
  data.set([0x55, 0xaa, 1, 0, 0, 0, 0, 9]);
  view.setUint8(50, data.reduce((sum, byte) => sum + byte, 0) & 0xff);
});
const silicon = block(512, (view) => {
  view.setUint32(0x60, 0x2f000000, true);
  view.setUint16(0x108, 3, true);
  view.setUint16(0x10a, 2, true);
  let sum = 0;
  for (let at = 0; at < 0x13e; at += 2) sum += view.getUint16(at, true);
  view.setUint16(0x13e, -sum & 0xffff, true);
});
const nvidia = block(512, (view, data) => {
  data.set(ascii('NVIDIA'));
  view.setUint32(8, 30, true);
  view.setUint16(16, 100, true);
  let sum = 0;
  for (let at = 0; at < 120; at += 4) sum += view.getUint32(at, true);
  view.setUint32(12, -sum >>> 0, true);
});
const adaptec = block(512, (_view, data) => {
  data.set([0x37, 0xfc, 0x4d, 0x1e]);
  data.set(ascii('DPTM'), 0x100);
});
const jmicron = block(128, (view, data) => {
  data.set([0x4a, 0x4d, 3, 2]);
  view.setUint16(4, -(0x4d4a + 0x0203) & 0xffff, true);
});
const drbd = (magic: number): Uint8Array =>
  block(4096, (view, data) => {
    data.set(counting(60));
    view.setUint32(60, magic);
  });
const sysv = (littleEndian: boolean): Uint8Array =>
  block(512, (view, data) => {
    data.set(ascii('fsname'), 440);
    view.setUint32(504, 0xfd187e20, littleEndian);
  });
const mpool = block(66, (view, data) => {
  data.set(ascii('mpoolDevpool name'));
  data.set(counting(16), 40);
  view.setUint32(62, crc32c(data.subarray(0, 62)), true);
});
const veritas = (magic: number, littleEndian: boolean): Uint8Array =>
  block(64, (view) => {
    view.setUint32(0, magic, littleEndian);
    view.setUint32(4, 7, littleEndian);
  });

/** Headers of what no tool here makes, as the formats' documentation has them; blkid judges them too. */
const HEADERS: readonly [type: string, ...parts: Part[]][] = [
  ['lsi_mega_raid_member', [-512, '$XIDE$']],
  ['via_raid_member', [-512, via]],
  ['silicon_medley_raid_member', [-512, silicon]],
  ['nvidia_raid_member', [-1024, nvidia]],
  ['promise_fasttrack_raid_member', [-63 * 512, 'Promise Technology, Inc.']],
  ['promise_fasttrack_raid_member', [-3087 * 512, 'Promise Technology, Inc.']],
  ['hpt45x_raid_member', [-11 * 512, '\xf3\x16\x78\x5a']],
  ['hpt37x_raid_member', [9 * 512 + 32, '\xf0\x16\x78\x5a']],
  ['adaptec_raid_member', [-512, adaptec]],
  ['jmicron_raid_member', [-512, jmicron]],
  ['drbd', [-4096, drbd(0x8374026b)]],
  ['drbd', [-4096, drbd(0x8374026d)]],
  ['drbdmanage_control_volume', [0, `$DRBDmgr=q\n${'0123456789abcdef'.repeat(2)}\n`]],
  ['drbdproxy_datalog', [0, counting(64)], [0, 'DRBDdlh*']],
  ['ceph_bluestore', [0, 'bluestore block device\n12345678-1234-1234-1234-123456789abc\n']],
  ['mpool', [0, mpool]],
  ['zonefs', [0, 'SFOZ\0\0\0\0zone label']],
  ['nss', [4096, 'SPB5']],
  ['vxfs', [1024, veritas(0xa501fcf5, true)]],
  ['vxfs', [8192, veritas(0xa501fcf5, false)]],
  ['oracleasm', [32, 'ORCLDISKASM1']],
  ['sysv', [512, sysv(true)]],
  ['sysv', [18 * 1024 + 512, sysv(false)]],
  ['xenix', [2048, '\x44\x55\x2b\0']],
];

/** Tools whose images are judged, too. */
const MAKERS: readonly [tool: string, size: number, args: readonly string[]][] = [
  ['mkfs.jfs', 16 * MIB, ['-q', '-L', 'jlabel']],
  ['mkfs.nilfs2', 160 * MIB, ['-q', '-f', '-L', 'nlabel']],
  ['mkudffs', 4 * MIB, ['-l', 'ulabel']],
  ['mkudffs', 4 * MIB, ['-l', 'ulabel', '-b', '2048', '-m', 'cdr']],
  ['mkfs.ocfs2', 64 * MIB, ['-q', '-F', '-M', 'local', '-L', 'olabel']],
  ['mkfs.gfs2', 64 * MIB, ['-q', '-O', '-p', 'lock_nolock', '-J', '8']],
  ['make-bcache', 8 * MIB, ['-B']],
  ['mkfs.reiser4', 64 * MIB, ['-f', '-y', '-L', 'rlabel']],
  ['mke2fs', 8 * MIB, ['-q', '-F', '-t', 'ext4', '-E', 'test_fs']],
];

async function expectSame(path: string, type?: string): Promise<void> {
  const text = run('blkid', ['-p', '-o', 'export', path]);
  const oracle = Object.fromEntries(
    text.split('\n').flatMap((l) => (l.includes('=') ? [l.split(/=(.*)/s).slice(0, 2)] : [])),
  ) as Record<string, string | undefined>;
  if (type !== undefined) expect(oracle.TYPE).toBe(type);
  const found = await probeSignature(scratch.open(path));
  expect(found?.type).toBe(oracle.TYPE);
  expect(found?.usage).toBe(oracle.USAGE);
  expect(found?.uuid).toBe(oracle.UUID);
  expect(found?.version).toBe(oracle.VERSION);
  expect(found?.label).toBe(oracle.LABEL?.replace(/\\(.)/g, '$1'));
}

describe.runIf(requireTools('blkid'))('what blkid knows', () => {
  it('every type of its list is recognised, and every other has a reason', () => {
    const listed = execFileSync('blkid', ['-k'], { encoding: 'utf8' }).trim().split('\n');
    expect(listed.length).toBeGreaterThan(70);
    expect(listed.filter((type) => !SIGNATURE_TYPES.has(type))).toEqual(Object.keys(THEIRS));
    expect([...SIGNATURE_TYPES].filter((type) => !listed.includes(type)).sort()).toEqual(
      Object.keys(OURS)
        .filter((type) => !listed.includes(type))
        .sort(),
    );
  });

  it.each(HEADERS.map((entry, i) => [`${entry[0]} (${i})`, entry] as const))('%s', async (_, [type, ...parts]) => {
    const disk = scratch.disk(4 * MIB);
    for (const [at, bytes] of parts) {
      await disk.write(at < 0 ? disk.size + at : at, typeof bytes === 'string' ? ascii(bytes) : bytes);
    }
    await expectSame(disk.path, type);
  });

  describe.each(MAKERS)('%s of %i bytes %j', (tool, size, args) => {
    it.runIf(requireTools(tool))('is recognised', async () => {
      const disk = scratch.disk(size);
      run(tool, [...args, disk.path]);
      await expectSame(disk.path);
    });
  });

  it.runIf(requireTools('mkfs.xfs'))('a log of XFS on a device of its own', async () => {
    const log = scratch.disk(64 * MIB);
    const data = scratch.disk(320 * MIB);
    run('mkfs.xfs', ['-q', '-l', `logdev=${log.path},size=16384b`, data.path]);
    await expectSame(log.path, 'xfs_external_log');
  });

  it('the first file system of Oracle, of which blkid asks more than its format has', async () => {
    const disk = scratch.disk(MIB);
    await disk.write(8, ascii('OracleCFS'));
    await disk.write(512 + 48, ascii('volume'));
    expect(await probeSignature(disk)).toMatchObject({ type: 'ocfs', label: 'volume' });
  });
});
