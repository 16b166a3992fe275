import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { makeFuzzTree } from './foundation-corpus.js';
import { fuzzGroup, type Sample } from './fuzz-group.js';

/** Kind of each sample, and the command that makes it; the image and the tree are added. */
const SAMPLES = [
  ['iso-rock-ridge', 'iso9660', 'xorriso', ['-as', 'mkisofs', '-quiet', '-R', '-b', 'file', '-no-emul-boot']],
  ['iso-joliet', 'iso9660', 'genisoimage', ['-quiet', '-J', '-joliet-long']],
  ['squashfs-gzip', 'squashfs', 'mksquashfs', ['-comp', 'gzip']],
  ['squashfs-plain', 'squashfs', 'mksquashfs', ['-noI', '-noF', '-noX', '-comp', 'zstd']],
  ['squashfs-lzo', 'squashfs', 'mksquashfs', ['-comp', 'lzo', '-noI']],
  ['squashfs-lz4', 'squashfs', 'mksquashfs', ['-comp', 'lz4', '-noI']],
] as const;

for (const [title, kind] of [
  ['damaged ISO 9660', 'iso9660'],
  ['damaged Squashfs', 'squashfs'],
] as const) {
  fuzzGroup({
    title,
    needs: ['xorriso', 'genisoimage', 'mksquashfs'],
    worker: 'read-only-worker.ts',
    make: (folder): Sample[] => {
      const tree = makeFuzzTree(folder, 40);
      return SAMPLES.filter((sample) => sample[1] === kind).map(([name, , command, options]) => {
        const path = join(folder, `${name}.img`);
        const args =
          kind === 'squashfs' ? [tree, path, '-noappend', '-quiet', ...options] : [...options, '-o', path, tree];
        execFileSync(command, args, { stdio: 'ignore' });
        return { name, kind, format: 'raw', path };
      });
    },
  });
}
