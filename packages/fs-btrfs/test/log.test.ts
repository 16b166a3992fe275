import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { listHostTree, listTree, requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { btrfsDriver } from '../src/index.js';
import { BTRFS_TOOLS, fill, makeBtrfs, openDevices, scratch, withMount } from './support.js';

/** Changes after the last commit of a whole, and what of them is made durable one by one. */
const CASES = [
  ['a new file in a new directory', 'mkdir new; seq 5000 > new/file; sync new/file'],
  [
    'pieces of a file',
    'for i in 1 5 9; do dd if=/dev/urandom of=random bs=4k seek=$i count=1 conv=notrunc; done; sync random',
  ],
  ['a file that grew, and one that was cut', 'seq 9000 >> text; truncate -s 70001 random; sync text random'],
  [
    'names: a second one, another one, and one that went',
    'ln text second; mv hard moved; rm inline; sync text . moved',
  ],
  ['a name that another file had', 'mv -f zeros packs; sync packs .'],
  ['a directory with many entries, some of which went', 'rm many/*7; touch many/later; sync many many/later'],
  ['attributes', 'setfattr -n user.late -v v text; setfattr -x user.small text; sync text'],
  ['a hole, and room', 'fallocate -p -o 65536 -l 65536 random; fallocate -o 2M -l 64k random; sync random'],
  ['a file of a subvolume', 'seq 100 > sub/late; sync sub/late'],
  ['compressed pieces', 'yes text | head -c 300000 > squeezed; sync squeezed'],
] as const;

describe.runIf(requireTools(...BTRFS_TOOLS))('a log tree of the kernel', () => {
  const { folder, remove } = scratch();
  afterAll(remove);

  it.each(CASES)('%s: what is read is what the kernel recovers', async (_name, changes) => {
    const [image = ''] = makeBtrfs(folder, ['-m', 'single']);
    const live = `${image}.live`;
    withMount([image], folder, 'compress=zstd,commit=300', (mount) => {
      fill(mount);
      execFileSync('sync', ['-f', mount]);
      execFileSync('sh', ['-c', changes], { cwd: mount, stdio: 'pipe' });
      // What a host has at the moment of a power failure: the log, and no whole commit after it.
      copyFileSync(image, live);
    });
    const recovered = `${live}.recovered`;
    copyFileSync(live, recovered);
    let expected: string[] = [];
    withMount([recovered], folder, 'noatime', (mount) => {
      expected = listHostTree(mount, { links: true });
    });
    const [device] = await openDevices([live]);
    await using fs = await btrfsDriver.open(device!, { readonly: true });
    const lasting = (lines: readonly string[]): string[] => lines.filter((l) => !l.includes('/snap/dir/inner'));
    expect(lasting(await listTree(fs, { links: true }))).toEqual(lasting(expected));
    for (const path of [image, live, recovered]) rmSync(path);
  });
});
