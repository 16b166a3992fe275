import { arg, Device, defineAction, Int, PlainString } from '../action.js';
import { checkFilesystem, describeFindings } from '../check-filesystem.js';
import { makeFilesystem } from '../make-filesystem.js';
import type { Session } from '../session.js';

const device = arg('device', Device);
const fstype = arg('fstype', PlainString);

/** Status bits of fsck(8). */
const FSCK_CLEAN = 0;
const FSCK_UNCORRECTED = 4;

async function fsck(g: Session, type: string, name: string): Promise<number> {
  const report = await checkFilesystem(g, name, { readonly: false, type }, 'fsck');
  if (report.clean) return FSCK_CLEAN;
  g.warn({ source: name, message: `fsck: ${describeFindings(report)}` });
  return report.findings.some((f) => f.severity === 'error') ? FSCK_UNCORRECTED : FSCK_CLEAN;
}

/** Functions that make and check file systems of any type. */
export const filesystemMakeActions = [
  defineAction({
    name: 'mkfs',
    theme: 'filesystem',
    args: [fstype, device],
    options: { blocksize: Int, features: PlainString, inode: Int, sectorsize: Int, label: PlainString },
    returns: 'void',
    doc: 'Make a file system: `ext2`, `ext3`, `ext4`, `vfat`, `exfat`. `blocksize` is the size of clusters for FAT; `features` are those of mke2fs `-O`.',
    run: (g, type, name, options) => makeFilesystem(g, type, name, options, 'mkfs'),
  }),
  defineAction({
    name: 'mkfs_b',
    theme: 'filesystem',
    deprecatedBy: 'mkfs',
    args: [fstype, arg('blocksize', Int), device],
    returns: 'void',
    doc: 'As `mkfs` with a block size.',
    run: (g, type, blocksize, name) => makeFilesystem(g, type, name, { blocksize }, 'mkfs_b'),
  }),
  defineAction({
    name: 'fsck',
    theme: 'filesystem',
    args: [fstype, device],
    returns: 'RInt',
    doc: 'Check a file system, after replaying its journal. Gives 0 when it is sound and 4 when there are errors, which stay: nothing is repaired. What was found is among the warnings.',
    run: fsck,
  }),
] as const;
