import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type LookAlike, lookAlike } from './look-alike/build.js';
import { systemRoot } from './look-alike/file-list.js';
import { withNtfs } from './look-alike/write-disk.js';

/** A copy of a look-alike's disk, to be changed. */
export async function diskCopy(
  id: string,
  folder: string,
): Promise<{ readonly built: LookAlike; readonly image: string }> {
  const built = await lookAlike(id);
  const image = join(folder, `${id}.raw`);
  execFileSync('cp', ['--sparse=always', '--reflink=auto', built.disk, image]);
  return { built, image };
}

/**
 * The Windows volume of a disk by itself, checked by ntfsfix, then mounted with ntfs-3g.
 * @param work gets the mounted tree, and a folder with copies of the machine's hives
 */
export async function withWindowsVolume(
  { built, image }: { readonly built: LookAlike; readonly image: string },
  folder: string,
  work: (mounted: string, hives: string) => void,
): Promise<void> {
  const { offset, size } = built.layout.partitions.find((p) => p.role === 'windows')!;
  const volume = join(folder, 'volume.ntfs');
  const block = 1 << 20;
  execFileSync('dd', [
    `if=${image}`,
    `of=${volume}`,
    `bs=${block}`,
    'iflag=skip_bytes,count_bytes',
    `skip=${offset}`,
    `count=${size}`,
    'conv=sparse',
    'status=none',
  ]);
  execFileSync('truncate', ['-s', String(size), volume]);
  execFileSync('ntfsfix', ['-n', volume]);
  await withNtfs(volume, (mounted) => {
    const hives = join(folder, 'hives');
    mkdirSync(hives, { recursive: true });
    for (const name of ['SYSTEM', 'SOFTWARE', 'SAM']) {
      copyFileSync(join(mounted, systemRoot(built.release), 'System32/config', name), join(hives, name));
    }
    work(mounted, hives);
  });
}
