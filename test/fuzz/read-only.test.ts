import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
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

/** With checksums damage seldom gets past the first look; version 4 has none. */
const XFS = [
  ['xfs', ['--unsupported']],
  ['xfs-v4', ['--unsupported', '-m', 'crc=0', '-b', 'size=1024']],
] as const;

/** Filled by mkfs.xfs itself, since not every kernel mounts version 4. */
function xfsSample(folder: string, tree: string, name: string, options: readonly string[]): Sample {
  const path = join(folder, `${name}.img`);
  execFileSync('truncate', ['-s', '20M', path]);
  const proto = join(folder, `${name}.proto`);
  const names = Array.from(
    { length: 60 },
    (_, i) => `name-number-${i} ---644 0 0 ${join(tree, 'deep/er/still/small')}`,
  );
  const big = `file ---644 0 0 ${join(tree, 'file')}\nlink l--777 0 0 ${'l'.repeat(100)}`;
  writeFileSync(proto, `/\n0 0\nd--755 0 0\nmany d--755 0 0\n${names.join('\n')}\n$\n${big}\n$\n`);
  execFileSync('mkfs.xfs', ['-q', '-f', ...options, '-p', proto, path], { stdio: 'ignore' });
  return { name, kind: 'xfs', format: 'raw', path };
}

fuzzGroup({
  title: 'damaged ISO 9660, Squashfs and XFS',
  needs: ['xorriso', 'genisoimage', 'mksquashfs', 'mkfs.xfs'],
  worker: 'read-only-worker.ts',
  make: (folder): Sample[] => {
    const tree = makeFuzzTree(folder, 40);
    const readOnly = SAMPLES.map(([name, kind, command, options]) => {
      const path = join(folder, `${name}.img`);
      const args =
        kind === 'squashfs' ? [tree, path, '-noappend', '-quiet', ...options] : [...options, '-o', path, tree];
      execFileSync(command, args, { stdio: 'ignore' });
      return { name, kind, format: 'raw', path } as const;
    });
    return [...readOnly, ...XFS.map(([name, options]) => xfsSample(folder, tree, name, options))];
  },
});
