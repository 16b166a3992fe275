import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { GuestFS } from '../../vmcraft/src/index.js';
import { makeImage, ROOT_NEEDS, run, traces } from './support.js';

/** Paths, types, modes, owners, sizes, times in nanoseconds, link targets, attributes and sums of a tree that the kernel shows. */
async function listing(image: string): Promise<string> {
  const point = await mkdtemp(join(tmpdir(), 'vmcraft-fs-host-mount-'));
  await run('mount', ['-o', 'ro,loop', image, point]);
  try {
    const script =
      'cd "$1"; find . -mindepth 1 -printf \'%p %y %m %U:%G %s %T@ %l\\n\' | sort; getfattr -Rhd -m - . 2>/dev/null | sort; find . -type f -exec sha256sum {} + | sort -k2';
    const { stdout } = await run('sh', ['-c', script, 'sh', point], { maxBuffer: 64 << 20 });
    return stdout;
  } finally {
    await run('umount', [point]);
    await rm(point, { recursive: true });
  }
}

/** The same changes by a tree of the host and its tools. */
async function edit(g: GuestFS, big: string): Promise<void> {
  await g.mkdirP('/etc/deep/er');
  await g.write('/etc/hostname', 'edited\n');
  await g.upload(big, '/big');
  for (let i = 0; i < 300; i++) await g.write(`/etc/deep/f${i}`, `${i}\n`);
  for (let i = 0; i < 300; i += 3) await g.rm(`/etc/deep/f${i}`);
  await g.mv('/etc/deep/f1', '/moved');
  await g.rename('/etc/deep/er', '/etc/er');
  await g.lnS('../etc/hostname', '/etc/link');
  await g.ln('/etc/hostname', '/hard');
  await g.chown(70000, 70001, '/moved');
  await g.chmod(0o4751, '/moved');
  await g.setxattr('user.note', 'a value', 7, '/moved');
  await g.setxattr('trusted.note', 'x', 1, '/etc/er');
  await g.mknodB(0o640, 7, 300, '/etc/node');
  await g.mkfifo(0o600, '/etc/fifo');
  await g.truncateSize('/big', 5_000_000);
  await g.utimens('/etc/hostname', 1_000_000_000, 123_456_789, 2_000_000_000, 987_654_321);
  await g.write('/caf\u00e9 \u20ac', 'x');
}

describe.runIf(requireTools(...ROOT_NEEDS, 'getfattr'))('edited through the host', { timeout: 120_000 }, () => {
  for (const type of ['xfs', 'btrfs']) {
    it(`${type}: its checker is content, and the kernel shows what was meant`, async () => {
      const image = await makeImage(type, type === 'xfs' ? 64 : 128);
      const twin = await makeImage('ext4', 64);
      const big = join(image.folder, 'big.bin');
      await mkdir(join(image.folder, 'x'));
      await writeFile(
        big,
        Uint8Array.from({ length: 9_000_000 }, (_, i) => (i * 31 + (i >> 9)) & 255),
      );
      const started = await readFile('/proc/mounts', 'utf8');
      for (const { path } of [image, twin]) {
        const g = await GuestFS.open(path, { format: 'raw' });
        await g.mount('/dev/sda', '/');
        await edit(g, big);
        await g.close();
      }
      await image.check();
      await twin.check();
      expect(withoutTimes(await listing(image.path))).toBe(withoutTimes(await listing(twin.path)));
      expect(await listing(image.path)).toContain('/etc/hostname f 644 0:0 7 2000000000.9876543210');
      expect(await traces()).toEqual([]);
      const ours = (text: string): string[] => text.split('\n').filter((line) => line.includes('vmcraft-host'));
      expect(ours(await readFile('/proc/mounts', 'utf8'))).toEqual(ours(started));
      await image.dispose();
      await twin.dispose();
    });
  }

  it('a rolled back session leaves the image as it was', async () => {
    const image = await makeImage('xfs', 64);
    const before = await readFile(image.path);
    const g = await GuestFS.open(image.path, { format: 'raw' });
    await g.mount('/dev/sda', '/');
    await g.write('/lost', 'x');
    await g.rollback();
    expect(Buffer.compare(await readFile(image.path), before)).toBe(0);
    expect(await traces()).toEqual([]);
    await image.dispose();
  });

  it('tells why the host is used', async () => {
    const image = await makeImage('xfs', 64);
    const g = await GuestFS.open(image.path, { format: 'raw' });
    await g.mount('/dev/sda', '/');
    const choice = g.session.choices.findLast(({ kind }) => kind === 'filesystem');
    expect(choice?.provider).toBe('host');
    expect(choice?.passedOver).toContainEqual({ name: 'fs-xfs', reason: 'cannot write xfs' });
    await g.close();
    await image.dispose();
  });
});

/** Times of what was made just now differ, and so do sizes of directories and what ext has of its own. */
function withoutTimes(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.includes('lost+found'))
    .map((line) => line.replace(/^(.* d \d+ \S+) \d+ \S+ $/, '$1').replace(/ \d+\.\d{10} /, ' '))
    .join('\n');
}
