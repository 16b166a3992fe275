import { basename } from 'node:path';
import type { FsStatvfs } from '@vmcraft/core/contracts';
import { messageOf } from '@vmcraft/core/errors';
import { humanSize } from '../output/human-size.js';
import { type Column, formatCsv, formatTable } from '../output/table.js';
import type { OpenedGuest } from '../shell/guest.js';
import { type DiskOptions, note, printJson, type TaskContext } from './task-context.js';
import { withGuest } from './with-guest.js';

/** Options of `vmcraft df`, as virt-df has them. */
export interface DfOptions extends DiskOptions {
  readonly human?: boolean;
  readonly inodes?: boolean;
  readonly csv?: boolean;
}

/** Use of one file system. Sizes are bytes. */
export interface FilesystemUsage {
  readonly filesystem: string;
  readonly type: string;
  readonly size: number;
  readonly used: number;
  /** For ordinary users. */
  readonly available: number;
  /** Whole percent, rounded up. */
  readonly usePercent: number;
  readonly inodes: number;
  readonly inodesUsed: number;
  readonly inodesFree: number;
}

/** Show how full the file systems are. */
export async function dfTask(context: TaskContext, options: DfOptions): Promise<void> {
  const usages = await withGuest(context, options, { run: (guest) => measure(context, guest) });
  if (context.global.json) return printJson(context, { filesystems: usages });
  const disk = basename(options.add[0]!);
  await context.output.write(render(usages, disk, options));
}

async function measure(context: TaskContext, guest: OpenedGuest): Promise<FilesystemUsage[]> {
  const usages: FilesystemUsage[] = [];
  for (const { mountable, type, canMount } of (await guest.session.inspect()).filesystems) {
    if (!canMount) continue;
    try {
      const statvfs = await guest.session.withFilesystem(mountable, true, (fs) => fs.statfs());
      usages.push(usageOf(mountable, type, statvfs));
    } catch (error) {
      await note(context, `warning: ${mountable}: ${messageOf(error)}`);
    }
  }
  return usages;
}

function usageOf(filesystem: string, type: string, v: FsStatvfs): FilesystemUsage {
  const used = (v.blocks - v.blocksFree) * v.fragmentSize;
  const available = v.blocksAvailable * v.fragmentSize;
  return {
    filesystem,
    type,
    size: v.blocks * v.fragmentSize,
    used,
    available,
    usePercent: used + available === 0 ? 0 : Math.ceil((100 * used) / (used + available)),
    inodes: v.files,
    inodesUsed: v.files - v.filesFree,
    inodesFree: v.filesFree,
  };
}

function render(usages: readonly FilesystemUsage[], disk: string, options: DfOptions): string {
  const size = (bytes: number): string =>
    options.human === true ? humanSize(bytes) : String(Math.floor(bytes / 1024));
  const titles =
    options.inodes === true
      ? ['Filesystem', 'Inodes', 'IUsed', 'IFree', 'IUse%']
      : ['Filesystem', options.human === true ? 'Size' : '1K-blocks', 'Used', 'Available', 'Use%'];
  const rows = usages.map((u) => [
    `${disk}:${u.filesystem}`,
    ...(options.inodes === true
      ? [String(u.inodes), String(u.inodesUsed), String(u.inodesFree), `${percent(u.inodesUsed, u.inodes)}%`]
      : [size(u.size), size(u.used), size(u.available), `${u.usePercent}%`]),
  ]);
  if (options.csv === true) return formatCsv([titles, ...rows]);
  const columns: Column[] = titles.map((title, i) => ({ title, right: i > 0 }));
  return formatTable(columns, rows);
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.ceil((100 * part) / whole);
}
