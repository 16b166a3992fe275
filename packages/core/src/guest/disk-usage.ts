import type { FsStat } from '../contracts/index.js';
import { type Mount, walkTree } from '../vfs/index.js';
import type { Session } from './session.js';
import type { StructValue } from './structs.js';

const KIB = 1024;
const SECTOR = 512;
const SUFFIXES = 'KMGTPE';
/** Bits of `f_flag`, statvfs(3). */
const FLAGS: Readonly<Record<string, number>> = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  sync: 16,
  noatime: 1024,
  nodiratime: 2048,
  relatime: 4096,
};
/** A number can say 53 bits of an identifier exactly. */
const ID_BITS = 53;

/** Space that everything below a path takes, in KiB: as `du -s`, files with several names count once. */
export async function diskUsage(g: Session, path: string, action: string): Promise<number> {
  const start = await g.vfs.resolve(path, action, false);
  const seen = new Set<string>();
  let sectors = 0;
  const count = (stat: FsStat, device: number): void => {
    if (stat.nlink > 1) {
      const key = `${device}:${stat.ino}`;
      if (seen.has(key)) return;
      seen.add(key);
    }
    sectors += stat.blocks;
  };
  count(await g.vfs.statAt(start), g.vfs.deviceOf(start));
  if (await start.isDirectory()) {
    const { signal } = g;
    for await (const { location } of walkTree(g.vfs, start, { signal })) {
      count(await g.vfs.statAt(location), g.vfs.deviceOf(location));
    }
  }
  return Math.ceil((sectors * SECTOR) / KIB);
}

/** statvfs(2) of the file system that a path is on. */
export async function statvfs(g: Session, path: string): Promise<StructValue<'statvfs'>> {
  const { mount } = await g.vfs.resolve(path, 'statvfs');
  const s = await mount.fs.statfs();
  return {
    bsize: s.blockSize,
    frsize: s.fragmentSize,
    blocks: s.blocks,
    bfree: s.blocksFree,
    bavail: s.blocksAvailable,
    files: s.files,
    ffree: s.filesFree,
    favail: s.filesFree,
    fsid: Number(BigInt.asUintN(ID_BITS, s.fsid)),
    flag: mount.options.reduce((bits, option) => bits | (FLAGS[option] ?? 0), 0),
    namemax: s.nameMax,
  };
}

/** Bytes as `df -h` shows them, rounded up. */
function human(bytes: number): string {
  if (bytes === 0) return '0';
  let value = bytes;
  let unit = -1;
  while (value >= KIB && unit < SUFFIXES.length - 1) {
    value /= KIB;
    unit += 1;
  }
  if (unit < 0) return String(value);
  const tenths = Math.ceil(value * 10) / 10;
  const text = tenths < 10 ? tenths.toFixed(1) : String(Math.ceil(value));
  return `${text}${SUFFIXES[unit]}`;
}

const kilobytes = (bytes: number): string => String(Math.ceil(bytes / KIB));

async function row(g: Session, mount: Mount, size: (bytes: number) => string): Promise<string[]> {
  const { fragmentSize, blocks, blocksFree, blocksAvailable } = await mount.fs.statfs();
  const used = (blocks - blocksFree) * fragmentSize;
  const available = blocksAvailable * fragmentSize;
  const percent = used + available === 0 ? '-' : `${Math.ceil((used * 100) / (used + available))}%`;
  return [mount.source, size(blocks * fragmentSize), size(used), size(available), percent, g.vfs.mountPath(mount)];
}

/** Narrowest columns, as df(1) has them. */
const MIN_WIDTHS = [14, 5, 5, 5, 4, 0];

/** What df(1) prints of the mounted file systems; paths are those of the guest. */
export async function diskFree(g: Session, isHuman: boolean): Promise<string> {
  const titles = ['Filesystem', isHuman ? 'Size' : '1K-blocks', 'Used', isHuman ? 'Avail' : 'Available', 'Use%'];
  const rows = [[...titles, 'Mounted on']];
  for (const mount of g.vfs.mounts) rows.push(await row(g, mount, isHuman ? human : kilobytes));
  const widths = MIN_WIDTHS.map((min, i) => Math.max(min, ...rows.map((r) => r[i]!.length)));
  const pad = (cell: string, i: number): string => {
    if (i === 5) return cell;
    return i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!);
  };
  return rows.map((r) => `${r.map(pad).join(' ')}\n`).join('');
}
