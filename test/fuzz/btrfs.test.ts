import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeFuzzTree } from './foundation-corpus.js';
import { fuzzGroup, type Sample } from './fuzz-group.js';

const MADE = [
  ['btrfs', 'btrfs', ['-m', 'single', '-d', 'single'], '', 1],
  ['btrfs-mixed', 'btrfs', ['-M'], 'compress-force=zstd', 1],
  ['btrfs-checksums-fit', 'btrfs-repaired', ['-m', 'single', '-d', 'single', '-R', 'quota'], 'compress-force=lzo', 4],
  ['btrfs-log', 'btrfs-repaired', ['-m', 'single', '-d', 'single'], 'compress-force=zlib', 3],
] as const;

/** What is in the log alone: new files, names that went, an extent in the middle of another. */
const LOGGED = `
mkdir logged; echo new > logged/file; setfattr -n user.name -v value logged/file; ln logged/file other
dd if=/dev/urandom of=file bs=4k seek=1 count=1 conv=notrunc status=none; mv many/1 moved 2>/dev/null || true
sync logged/file file logged
`;

function made(folder: string, tree: string, [name, , options, mountOptions]: (typeof MADE)[number]): string {
  const path = join(folder, `${name}.img`);
  const mount = join(folder, `mount-${name}`);
  mkdirSync(mount);
  execFileSync('truncate', ['-s', '48M', path]);
  execFileSync('mkfs.btrfs', ['-q', '-f', ...options, path], { stdio: 'ignore' });
  execFileSync('mount', ['-t', 'btrfs', '-o', ['loop', mountOptions].filter(Boolean).join(','), path, mount]);
  try {
    execFileSync('cp', ['-a', `${tree}/.`, mount]);
    execFileSync('btrfs', ['subvolume', 'create', join(mount, 'sub')], { stdio: 'ignore' });
    execFileSync('cp', ['-a', `${tree}/.`, join(mount, 'sub')]);
    execFileSync('sync', ['-f', mount]);
    if (name === 'btrfs-log') {
      execFileSync('sh', ['-c', LOGGED], { cwd: mount, stdio: 'ignore' });
      copyFileSync(path, `${path}.live`);
    }
  } finally {
    execFileSync('umount', [mount]);
  }
  if (name === 'btrfs-log') copyFileSync(`${path}.live`, path);
  return path;
}

fuzzGroup({
  title: 'damaged Btrfs',
  needs: ['mkfs.btrfs', 'btrfs', 'mount', 'setfattr', 'root'],
  worker: 'read-only-worker.ts',
  make: (folder): Sample[] => {
    const tree = makeFuzzTree(folder, 30);
    return MADE.map((kind) => {
      return { name: kind[0], kind: kind[1], format: 'raw', path: made(folder, tree, kind), weight: kind[4] };
    });
  },
});
