import { execFileSync } from 'node:child_process';
import type { LookAlike } from './build.js';
import { scratchDisk } from './build.js';

/** A copy of a look-alike whose system volume is ext4: what is done to a guest does not depend on its file system, and case counts there. */
export function onExt4(built: LookAlike, folder: string): string {
  const disk = scratchDisk(built, folder, 'ext4.raw');
  const windows = built.layout.partitions.find((p) => p.role === 'windows')!;
  const place = ['-E', `offset=${windows.offset},root_owner=0:0`, '-b', '4096'];
  execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', ...place, '-d', built.tree, disk, `${windows.size >> 10}k`]);
  return disk;
}
