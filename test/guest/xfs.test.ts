import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { DeviceTests, MIB, tool } from './device-session.js';

const t = new DeviceTests('xfs');

/** Every `name=value` that xfs_info(8) prints, with the group of its line before the name. */
function printed(image: string): Record<string, string> {
  const facts: Record<string, string> = {};
  let group = '';
  for (const line of tool('xfs_info', image).trimEnd().split('\n')) {
    const [, head, own, rest] = /^(\S*)\s*=(\S[^=]*?)?\s+(\S+=.*)$/.exec(line)!;
    if (head !== '') group = head!;
    if (head !== '' && own !== undefined) facts[group] = own;
    for (const [, key, value] of rest!.matchAll(/(\S+)=(\d+)/g)) facts[`${group}.${key}`] = value!;
  }
  return { ...facts, 'meta-data': '/dev/sda' };
}

describe.runIf(requireTools('mkfs.xfs', 'xfs_info', 'xfs_db'))('XFS functions', () => {
  it.each([
    [[]],
    [['-b', 'size=1024', '-n', 'size=16384', '-d', 'agcount=3', '-i', 'size=512,nrext64=1', '-l', 'size=64m']],
    [['-m', 'crc=0', '-n', 'version=ci', '-l', 'version=1']],
    [['-d', 'agcount=2,su=64k,sw=4', '-l', 'su=32k,size=64m', '-s', 'size=4096', '-m', 'rmapbt=1,reflink=0']],
  ])('geometry as xfs_info tells it: %j', async (options) => {
    const disk = t.disk('xfs.raw', 400 * MIB);
    tool('mkfs.xfs', '-q', '-f', ...options, disk);
    const theirs = printed(disk);
    expect(Object.keys(theirs).length).toBeGreaterThan(30);
    await t.with([disk], async (g) => {
      expect(await g.xfsInfo2('/dev/sda')).toEqual(theirs);
      const info = await g.xfsInfo('/dev/sda');
      expect(info).toMatchObject({ xfs_mntpoint: '/dev/sda', xfs_logname: 'internal', xfs_rtname: 'none' });
      expect(String(info.xfs_datablocks)).toBe(theirs['data.blocks']);
      await g.mountRo('/dev/sda', '/');
      expect(await g.xfsInfo2('/')).toEqual(theirs);
    });
  });

  it('what is no XFS is said to be none', async () => {
    const disk = t.disk('none.raw', MIB);
    await t.with([disk], (g) => expect(g.xfsInfo('/dev/sda')).rejects.toMatchObject({ code: 'EINVAL' }));
  });

  it.runIf(requireTools('xfs_io', 'root', 'mount'))(
    'a guest that was switched off hard shows its last files',
    async () => {
      const disk = t.disk('dirty.raw', 40 * MIB);
      tool('mkfs.xfs', '-q', '-f', '--unsupported', disk);
      const mount = `${disk}.mount`;
      mkdirSync(mount);
      execFileSync('mount', ['-t', 'xfs', '-o', 'loop', disk, mount]);
      try {
        execFileSync('sh', ['-c', 'mkdir etc; echo late > etc/hostname'], { cwd: mount });
        execFileSync('xfs_io', ['-c', 'fsync', `${mount}/etc/hostname`]);
        execFileSync('xfs_io', ['-x', '-c', 'shutdown', mount]);
      } finally {
        execFileSync('umount', [mount]);
      }
      const before = tool('sha256sum', disk);
      await t.with([disk], async (g) => {
        await g.mountRo('/dev/sda', '/');
        expect(await g.cat('/etc/hostname')).toBe('late\n');
      });
      expect(tool('sha256sum', disk)).toBe(before);
    },
  );
});
