import { humanSize } from '../output/human-size.js';
import { type Column, formatCsv, formatTable } from '../output/table.js';
import { call, type OpenedGuest } from '../shell/guest.js';
import { drawStack, stackOf } from './stack.js';
import type { DiskOptions, TaskContext } from './task-context.js';
import { printJson } from './task-context.js';
import { withGuest } from './with-guest.js';

/** Options of `vmcraft filesystems`, as virt-filesystems has them. */
export interface FilesystemsOptions extends DiskOptions {
  readonly all?: boolean;
  readonly long?: boolean;
  readonly parts?: boolean;
  readonly blkdevs?: boolean;
  readonly filesystems?: boolean;
  /** Also swap, members and what is not recognised. */
  readonly extra?: boolean;
  readonly human?: boolean;
  readonly csv?: boolean;
  readonly uuids?: boolean;
  /** Draw how the devices are made from each other. */
  readonly tree?: boolean;
}

/** One line of the list. Absent values are null, so that programs find every key. */
export interface StorageItem {
  readonly name: string;
  readonly type: 'filesystem' | 'partition' | 'device';
  readonly vfs: string | null;
  readonly label: string | null;
  /** MBR type byte, `83`. */
  readonly mbr: string | null;
  /** Bytes. */
  readonly size: number | null;
  readonly parent: string | null;
  readonly uuid: string | null;
}

/** List file systems, partitions and disks, or draw the storage stack. */
export async function filesystemsTask(context: TaskContext, options: FilesystemsOptions): Promise<void> {
  if (options.tree === true) {
    const devices = await withGuest(context, options, { run: stackOf });
    if (context.global.json) return printJson(context, { devices });
    return context.output.write(drawStack(devices));
  }
  const items = await withGuest(context, options, { run: (guest) => collect(guest, options) });
  if (context.global.json) return printJson(context, { filesystems: items });
  await context.output.write(render(items, options));
}

async function collect(guest: OpenedGuest, options: FilesystemsOptions): Promise<StorageItem[]> {
  const { all = false, parts = false, blkdevs = false } = options;
  const wantsFilesystems = all || options.filesystems === true || options.extra === true || !(parts || blkdevs);
  return [
    ...(wantsFilesystems ? await filesystemItems(guest, all || options.extra === true) : []),
    ...(all || parts ? await partitionItems(guest) : []),
    ...(all || blkdevs ? await diskItems(guest) : []),
  ];
}

async function filesystemItems(guest: OpenedGuest, extra: boolean): Promise<StorageItem[]> {
  const inspection = await guest.session.inspect();
  const items: StorageItem[] = [];
  for (const fs of inspection.filesystems) {
    if (!extra && (!fs.canMount || fs.type === 'unknown')) continue;
    items.push({
      name: fs.mountable,
      type: 'filesystem',
      vfs: fs.type,
      label: fs.label ?? null,
      mbr: null,
      size: await filesystemSize(guest, fs.mountable, fs.canMount),
      parent: null,
      uuid: fs.uuid ?? null,
    });
  }
  return items;
}

/** Bytes of a file system as it counts them itself; of its device when it cannot be opened. */
async function filesystemSize(guest: OpenedGuest, mountable: string, canMount: boolean): Promise<number | null> {
  if (canMount) {
    try {
      return await guest.session.withFilesystem(mountable, true, async (fs) => {
        const { fragmentSize, blocks } = await fs.statfs();
        return fragmentSize * blocks;
      });
    } catch {
      // A damaged one is listed all the same.
    }
  }
  return mountable.startsWith('/dev/') ? call<number>(guest, 'blockdev_getsize64', mountable) : null;
}

async function partitionItems(guest: OpenedGuest): Promise<StorageItem[]> {
  const items: StorageItem[] = [];
  for (const name of await call<string[]>(guest, 'list_partitions')) {
    const parent = await call<string>(guest, 'part_to_dev', name);
    const number = await call<number>(guest, 'part_to_partnum', name);
    items.push({
      ...block(name, 'partition', await call<number>(guest, 'blockdev_getsize64', name)),
      mbr: await mbrType(guest, parent, number),
      parent,
    });
  }
  return items;
}

async function mbrType(guest: OpenedGuest, disk: string, number: number): Promise<string | null> {
  if ((await call<string>(guest, 'part_get_parttype', disk)) !== 'msdos') return null;
  return (await call<number>(guest, 'part_get_mbr_id', disk, number)).toString(16).padStart(2, '0');
}

async function diskItems(guest: OpenedGuest): Promise<StorageItem[]> {
  const items: StorageItem[] = [];
  for (const name of await call<string[]>(guest, 'list_devices')) {
    items.push(block(name, 'device', await call<number>(guest, 'blockdev_getsize64', name)));
  }
  return items;
}

function block(name: string, type: StorageItem['type'], size: number): StorageItem {
  return { name, type, vfs: null, label: null, mbr: null, size, parent: null, uuid: null };
}

function render(items: readonly StorageItem[], options: FilesystemsOptions): string {
  if (options.long !== true) {
    return options.csv === true
      ? formatCsv([['Name'], ...items.map((item) => [item.name])])
      : items.map((item) => `${item.name}\n`).join('');
  }
  const columns: Column[] = ['Name', 'Type', 'VFS', 'Label', 'MBR', 'Size', 'Parent'].map((title) => ({ title }));
  if (options.uuids === true) columns.push({ title: 'UUID' });
  const empty = options.csv === true ? '' : '-';
  const rows = items.map((item) => {
    const size = item.size === null ? null : options.human === true ? humanSize(item.size) : String(item.size);
    const cells = [item.name, item.type, item.vfs, item.label, item.mbr, size, item.parent];
    return [...cells, ...(options.uuids === true ? [item.uuid] : [])].map((cell) =>
      cell === null || cell === '' ? empty : cell,
    );
  });
  return options.csv === true ? formatCsv([columns.map((c) => c.title), ...rows]) : formatTable(columns, rows);
}
