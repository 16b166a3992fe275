import { execFileSync } from 'node:child_process';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { NtfsMount } from './ntfs-mount.js';
import { describeDifferences, treeOf } from './tree.js';
import { complaints, findingsIn, NtfsWorkspace, openNtfs } from './workspace.js';

const MIB = 1024 * 1024;

describe.runIf(requireTools('root', 'python3', 'ntfs-3g', 'ntfsinfo', 'fsstat', 'blkid'))(
  'volumes that we format',
  () => {
    const space = new NtfsWorkspace();
    afterAll(() => space.remove());

    it.each([
      [4096, 512],
      [512, 512],
      [65536, 4096],
    ])(
      'clusters of %i, sectors of %i: all tools agree, and ntfs-3g can fill them',
      async (cluster, sector) => {
        const image = await space.format('image', { size: 128 * MIB, cluster, sector, label: 'Ünser Volume' });
        expect(complaints(image)).toEqual([]);
        expect(await findingsIn(image)).toEqual([]);
        const info = execFileSync('ntfsinfo', ['-m', image], { encoding: 'utf8' });
        expect(info).toMatch(new RegExp(`Cluster Size: ${cluster}\\n`));
        expect(info).toMatch(/Volume Version: 3\.1/);
        expect(execFileSync('blkid', ['-p', '-s', 'LABEL', '-o', 'value', image], { encoding: 'utf8' })).toBe(
          'Ünser Volume\n',
        );
        expect(execFileSync('fsstat', ['-f', 'ntfs', image], { encoding: 'utf8' })).toMatch(`Cluster Size: ${cluster}`);
        await NtfsMount.with(image, [], (mount) => {
          mount.run('many', '3000');
          mount.run('thin', '3000');
        });
        expect(complaints(image)).toEqual([]);
        expect(await findingsIn(image)).toEqual([]);
        const theirs = await NtfsMount.with(image, ['ro'], (mount) => mount.tree());
        const { fs, close } = await openNtfs(image);
        const ours = await treeOf(fs);
        await close();
        expect(theirs.length).toBe(1502);
        expect(describeDifferences(ours, theirs)).toEqual([]);
      },
      60_000,
    );
  },
);
