import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { readSuperblock } from '../src/activator.js';
import { readSuperblock1 } from '../src/superblock-1.js';
import { discover, EXPECTED, fixtureMembers, sha256 } from './support.js';

const hashOf = (name: string): string => EXPECTED.get(name)!.sha256;

/** The hash of the only array, or why it cannot be read. */
async function reading(members: readonly BlockDevice[]): Promise<string> {
  const { array } = await discover(members);
  if (array === undefined) return 'no array';
  return sha256(array.device).catch((error: Error) => `${(error as { code?: string }).code}: ${error.message}`);
}

const without = (name: string, ...gone: number[]): BlockDevice[] =>
  fixtureMembers(name).filter((_, i) => !gone.includes(i));

const PARITY = [
  ...[
    'left-asymmetric',
    'right-asymmetric',
    'left-symmetric',
    'right-symmetric',
    'parity-first',
    'parity-last',
  ].flatMap((layout) => [`raid5-${layout}`, `raid6-${layout}`]),
  ...['ddf-zero-restart', 'ddf-N-restart', 'ddf-N-continue', 'parity-first-6'].map((layout) => `raid6-${layout}`),
  ...['left-asymmetric-6', 'right-asymmetric-6', 'left-symmetric-6', 'right-symmetric-6'].map((l) => `raid6-${l}`),
  'raid4-12',
  'raid4-090',
  'raid5-090',
  'raid5-10',
];

describe('arrays without some of their members', () => {
  it.each(PARITY)('%s reads without any one', async (name) => {
    for (let gone = 0; gone < fixtureMembers(name).length; gone++) {
      const { array, text } = await discover(without(name, gone));
      expect(await sha256(array.device), `without ${gone}`).toBe(hashOf(name));
      expect(text()).toMatch(new RegExp(`degraded: slot ${gone} is missing of the \\d of raid\\d`));
    }
  });

  it.each(PARITY.filter((name) => name.startsWith('raid6')))('%s reads without any two', async (name) => {
    for (let a = 0; a < 5; a++) {
      for (let b = a + 1; b < 5; b++) expect(await reading(without(name, a, b)), `${a} ${b}`).toBe(hashOf(name));
    }
  });

  it.each(['raid1-12', 'raid10-12', 'raid10-f2-4', 'raid10-o2-3', 'raid10-f3', 'raid10-n3', 'raid10-f2-5'])(
    '%s reads from the other copies',
    async (name) => {
      for (let gone = 0; gone < fixtureMembers(name).length; gone++) {
        expect(await reading(without(name, gone)), `without ${gone}`).toBe(hashOf(name));
      }
    },
  );

  it('of which too few are there say which', async () => {
    expect(await reading(without('raid5-12', 0, 2))).toMatch(
      /^VMC_CORRUPT: .*array \/dev\/md127 \(fixtures:raid5-12, [0-9a-f-]{36}\): slots 0, 2 are missing of the 3 of raid5, which is too few; there: slot 1 on \/dev\/sda; add the disks/,
    );
    expect(await reading(without('raid6-parity-last', 0, 2, 4))).toMatch(/slots 0, 2, 4 are missing of the 5 of raid6/);
    expect(await reading(without('raid10-12', 0, 1))).toMatch(/slots 0, 1 are missing of the 4 of raid10/);
    expect(await reading(without('raid0-12', 1))).toMatch(/slot 1 is missing of the 3 of raid0/);
    expect(await reading(without('linear-10', 0))).toMatch(/slot 0 is missing of the 3 of linear/);
    expect(await reading(without('raid4-090', 0, 1))).toMatch(/slots 0, 1 are missing of the 3 of raid4/);
  });

  it('and one too few tell what was left out because it is stale', async () => {
    expect(await reading(without('raid5-stale', 0))).toMatch(
      /slots 0, 1 are missing .*\/dev\/sda is left out: it is older than the others: event \d+, \/dev\/sd[bc] has \d+; add/,
    );
  });
});

describe('members that do not belong', () => {
  it.each(['raid1-stale', 'raid1-stale-090', 'raid5-stale', 'raid5-stale-090', 'raid6-stale', 'raid10-stale'])(
    '%s: an old one is left out, and named',
    async (name) => {
      const { array, text } = await discover(fixtureMembers(name));
      expect(await sha256(array.device)).toBe(hashOf(name));
      expect(text()).toMatch(/\/dev\/sd. is left out: it is older than the others: event \d+/);
    },
  );

  it('twice the same is an error that names both', async () => {
    const members = [...fixtureMembers('raid1-12'), fixtureMembers('raid1-12')[1]!];
    expect(await reading(members)).toMatch(
      /slot 1 is there twice, on \/dev\/sdb and \/dev\/sdc; give only one of them/,
    );
  });

  it('spares, and disks of other arrays, are no trouble', async () => {
    const { tree } = await discover([...fixtureMembers('raid5-spare'), ...fixtureMembers('linear-12').reverse()]);
    expect(await sha256(tree.find('/dev/md127')!.device)).toBe(hashOf('raid5-spare'));
    expect(await sha256(tree.find('/dev/md126')!.device)).toBe(hashOf('linear-12'));
    expect(tree.find('/dev/md/linear-12')?.name).toBe('/dev/md126');
    expect(tree.find('/dev/md126')!.parents).toEqual(['/dev/sde', '/dev/sdf', '/dev/sdg']);
  });
});

describe('what is refused', () => {
  it('a reshape in progress', async () => {
    expect(await reading(fixtureMembers('raid5-reshape'))).toMatch(/^VMC_UNSUPPORTED: .*a reshape in progress/);
  });

  it('an array that was not shut down and lacks a member', async () => {
    for (const name of ['raid5-dirty', 'raid5-dirty-090']) {
      expect(await reading(without(name, 1))).toMatch(/^VMC_UNSUPPORTED: .*not shut down and is degraded/);
    }
    expect(await reading(without('raid1-dirty', 0))).toBe(hashOf('raid1-dirty'));
  });

  it('writing before a write journal was written back, reading without a member too; a journal that is missing', async () => {
    for (const name of ['raid5-journal', 'raid5-journal-dirty']) {
      const { array } = await discover(fixtureMembers(name));
      expect(array.device.writable).toBe(false);
      await expect(array.device.write(0, new Uint8Array(512))).rejects.toMatchObject({
        code: 'VMC_READ_ONLY',
        message: expect.stringContaining('the write journal of /dev/md127 must be written back first'),
      });
      expect(await reading(without(name, 1))).toMatch(
        /^VMC_UNSUPPORTED: .*a write journal that is not empty, of an array that lacks a member/,
      );
      expect(await reading(without(name, 3))).toMatch(/its write journal is missing/);
    }
  });

  it('one flipped bit in the first block of a write journal; a later one ends the log, as for md', async () => {
    for (const [block, place] of [
      [0, 40],
      [0, 4096 + 7],
      [1, 40],
    ] as const) {
      const members = fixtureMembers('raid5-journal-dirty');
      const journal = members[3]!;
      const { journalTail, dataOffset } = (await readSuperblock(journal))!;
      const at = dataOffset + (Number(journalTail) + block * 200) * 512 + place;
      const [byte = 0] = await journal.read(at, 1);
      await journal.write(at, Uint8Array.of(byte ^ 1));
      const found = await reading(members);
      if (block === 0) expect(found).toMatch(/^VMC_CORRUPT: .*write journal of .* has a wrong checksum/);
      else expect(found).not.toBe(hashOf('raid5-journal-dirty'));
    }
  });

  it('writing before a partial parity log was replayed', async () => {
    const { array } = await discover(fixtureMembers('raid5-ppl-dirty'));
    expect(array.device.writable).toBe(false);
    expect(await sha256(array.device)).toBe(hashOf('raid5-ppl-dirty'));
  });

  it.each([
    ['ddf', 'an array with DDF metadata'],
    ['imsm', 'an array with metadata of Intel Matrix Storage'],
  ])('%s', async (name, feature) => {
    const { text, tree } = await discover(fixtureMembers(name));
    expect(text()).toContain(`/dev/sda, /dev/sdb: unsupported: ${feature}; mdadm on Linux opens it`);
    expect(tree.devices.filter((d) => d.kind === 'volume')).toEqual([]);
  });

  it.runIf(requireTools('mdadm', 'blkid'))('mdadm and blkid call those containers the same', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vmcraft-md-'));
    const say = async (name: string, command: string, ...args: string[]): Promise<string> => {
      const [member] = fixtureMembers(name);
      writeFileSync(join(folder, name), await member!.read(0, member!.size));
      return execFileSync(command, [...args, join(folder, name)], { encoding: 'utf8' });
    };
    try {
      expect(await say('ddf', 'mdadm', '--examine', '--brief')).toContain('metadata=ddf');
      // mdadm reads Intel's metadata from block devices alone.
      expect(await say('imsm', 'blkid', '-p')).toContain('TYPE="isw_raid_member"');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('features, levels and layouts that are not known', async () => {
    const patches: readonly (readonly [name: string, at: number, bytes: number[], reason: RegExp])[] = [
      ['raid5-12', 8 + 3, [0x80], /features 0x80000000 that are not known/],
      ['raid5-12', 72, [7], /an array of level raid7/],
      ['raid5-12', 72, [0xfc, 0xff, 0xff, 0xff], /an array of level multipath/],
      ['raid5-12', 72, [0xfb, 0xff, 0xff, 0xff], /an array of level faulty/],
      ['raid5-12', 76, [9], /raid5 has no layout 9/],
      ['raid6-parity-last', 76, [99], /raid6 has no layout 99/],
      ['raid10-12', 76, [0, 0], /no RAID 10/],
      ['raid5-12', 88, [0], /chunk/],
      ['raid0-zones-original', 76, [0], /members of several sizes, order unknown/],
    ];
    for (const [name, at, bytes, reason] of patches) {
      const members = fixtureMembers(name);
      for (const member of members) await patch(member, at, bytes);
      expect(await reading(members), `${name} ${at}`).toMatch(reason);
    }
  });
});

/** Change a superblock of version 1.2 and make its checksum right. */
async function patch(member: BlockDevice, at: number, bytes: readonly number[]): Promise<void> {
  await member.write(4096 + at, Uint8Array.from(bytes));
  const data = (await member.read(4096, 4096)).slice();
  const view = new DataView(data.buffer);
  view.setUint32(216, 0, true);
  let sum = 0;
  for (let i = 0; i < 256 + view.getUint32(220, true) * 2; i += 4) sum += view.getUint32(i, true);
  view.setUint32(216, ((sum % 2 ** 32) + Math.floor(sum / 2 ** 32)) >>> 0, true);
  await member.write(4096, data);
}

describe('superblocks that are damaged', () => {
  it.each(['raid5-12', 'raid5-10', 'raid5-090'])('of %s are noticed', async (name) => {
    const [member] = fixtureMembers(name);
    const { offset } = (await readSuperblock(member!))!;
    await member!.write(offset + 100, Uint8Array.of(0xaa));
    await expect(readSuperblock(member!)).rejects.toThrow(/corrupt mdp_superblock_[1s]\.sb_csum/);
    const rest = fixtureMembers(name).slice(1);
    const { text, array } = await discover([member!, ...rest]);
    expect(text()).toContain('sb_csum');
    expect(await sha256(array.device)).toBe(hashOf(name));
  });

  it('leave a disk the partitions that it shows', async () => {
    const [whole, damaged] = fixtureMembers('partitions');
    const { offset } = (await readSuperblock(damaged!))!;
    await damaged!.write(offset + 100, Uint8Array.of(0xaa));
    const { tree } = await discover([whole!, damaged!]);
    const names = tree.devices.filter((d) => d.kind === 'partition').map((d) => d.name);
    expect(names).toEqual(['/dev/sdb1', '/dev/sdb2', '/dev/md127p1', '/dev/md127p2']);
  });

  it('that say data lies past the end of the device are refused', async () => {
    const [member] = fixtureMembers('raid5-12');
    await patch(member!, 136, [0, 0, 0, 1]);
    await expect(readSuperblock1(member!)).rejects.toThrow(/data_size.*data ends at byte/);
  });
});
