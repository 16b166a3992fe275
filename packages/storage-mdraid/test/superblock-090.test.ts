import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MemoryDevice } from '@vmcraft/core/block';
import { pattern, requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBigEndian, makeRaid0 } from './old-superblocks.js';
import { discover, EXPECTED, fixtureMembers, sha256 } from './support.js';

const CHUNK = 16_384;

describe.runIf(requireTools('mdadm'))('superblocks of version 0.90', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-md-090-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function examine(device: MemoryDevice, ...options: string[]): Promise<string> {
    const path = join(folder, 'member');
    writeFileSync(path, await device.read(0, device.size));
    return execFileSync('mdadm', ['--examine', ...options, path], { encoding: 'utf8' });
  }

  it.each(['raid1-090', 'raid5-090', 'raid4-090', 'raid10-090', 'linear-090'])(
    '%s of a big-endian machine reads the same, whole and degraded',
    async (name) => {
      const members = fixtureMembers(name);
      await makeBigEndian(members);
      const said = await examine(members[0]!, '--metadata=0.swap');
      expect(said).toMatch(/Checksum : [0-9a-f]+ - correct/);
      const { array } = await discover(members);
      expect(await sha256(array.device)).toBe(EXPECTED.get(name)!.sha256);
      if (name.startsWith('linear')) return;
      const { array: degraded } = await discover(members.slice(1));
      await degraded.device.write(1000, pattern(5000, 3));
      expect(await sha256(degraded.device)).not.toBe(EXPECTED.get(name)!.sha256);
      // Its superblocks were changed in their own order of bytes.
      expect(await examine(members[1]!, '--metadata=0.swap')).toMatch(/Checksum : [0-9a-f]+ - correct/);
    },
  );

  it('RAID 0: chunks in turn', async () => {
    const members = fixtureMembers('raid1-090');
    await makeRaid0(members, CHUNK);
    const said = await examine(members[0]!);
    expect(said).toMatch(/Raid Level : raid0[\s\S]*Checksum : [0-9a-f]+ - correct[\s\S]*Chunk Size : 16K/);
    for (const [i, member] of members.entries()) await member.write(0, pattern(10 * CHUNK, i + 1));
    const { array, text } = await discover(members);
    expect(text()).toBe('');
    for (let chunk = 0; chunk < 20; chunk++) {
      const [column, row] = [chunk % 2, Math.floor(chunk / 2)];
      const expected = await members[column]!.read(row * CHUNK, CHUNK);
      expect(Buffer.compare(await array.device.read(chunk * CHUNK, CHUNK), expected)).toBe(0);
    }
  });

  it('RAID 0 over members of several sizes does not say in which order it was written: refused', async () => {
    const members = fixtureMembers('linear-090');
    await makeRaid0(members, CHUNK);
    const { text } = await discover(members);
    expect(text()).toContain('members of several sizes, order unknown');
  });
});
