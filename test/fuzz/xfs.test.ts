import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFuzzTree } from './foundation-corpus.js';
import { fuzzGroup, type Sample } from './fuzz-group.js';

/** With checksums damage seldom gets past the first look: version 4 has none, and those of one sample are made to fit again. */
const MADE = [
  ['xfs', 'xfs', ['--unsupported'], 1],
  ['xfs-checksums-fit', 'xfs-repaired', ['--unsupported'], 3],
  ['xfs-v4', 'xfs', ['--unsupported', '-m', 'crc=0', '-b', 'size=1024'], 3],
] as const;

/** Filled by mkfs.xfs itself, since not every kernel mounts version 4. */
function made(folder: string, tree: string, name: string, options: readonly string[]): string {
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
  return path;
}

/** What stays in the log alone: files with attributes, a directory of several blocks, things that were removed. */
const CHANGES = `
mkdir many; for i in $(seq 150); do : > "many/a name of middling length $i"; done
rm many/*7; ln -s target link; setfattr -n user.name -v "$(printf 'v%.0s' $(seq 900))" many
for i in 1 2 3; do dd if=/dev/urandom of=file bs=4k count=1 seek=$((i * 3)) conv=notrunc status=none; done
`;

/** An image whose changes are in the log alone. */
function dirty(folder: string): string {
  const path = join(folder, 'xfs-dirty.img');
  const mount = join(folder, 'mount');
  mkdirSync(mount);
  execFileSync('truncate', ['-s', '20M', path]);
  execFileSync('mkfs.xfs', ['-q', '-f', '--unsupported', path], { stdio: 'ignore' });
  execFileSync('mount', ['-t', 'xfs', '-o', 'loop', path, mount]);
  try {
    execFileSync('sh', ['-c', CHANGES], { cwd: mount, stdio: 'ignore' });
    execFileSync('xfs_io', ['-x', '-c', 'shutdown -f', mount]);
  } finally {
    execFileSync('umount', [mount]);
  }
  return path;
}

fuzzGroup({
  title: 'damaged XFS',
  needs: ['mkfs.xfs', 'xfs_io', 'mount', 'setfattr', 'root'],
  worker: 'read-only-worker.ts',
  make: (folder): Sample[] => {
    const tree = makeFuzzTree(folder, 40);
    const log = { kind: 'xfs-repaired', format: 'raw', path: dirty(folder), weight: 2 } as const;
    return [
      { name: 'xfs-log', ...log },
      ...MADE.map(([name, kind, options, weight]) => {
        return { name, kind, format: 'raw', path: made(folder, tree, name, options), weight };
      }),
    ];
  },
});
