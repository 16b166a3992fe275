import { decodeUtf8 } from '../binary/index.js';
import {
  type FsStat,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFSOCK,
  supports,
} from '../contracts/index.js';
import { FsError } from '../errors/index.js';
import type { Location } from '../vfs/index.js';
import { compareNames } from './names.js';
import type { Session } from './session.js';

const LETTERS: ReadonlyMap<number, string> = new Map([
  [S_IFBLK, 'b'],
  [S_IFCHR, 'c'],
  [S_IFDIR, 'd'],
  [S_IFIFO, 'p'],
  [S_IFLNK, 'l'],
  [S_IFSOCK, 's'],
]);
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** Half a mean Gregorian year in seconds: times further away show the year instead of the hour. */
const RECENT = 15_778_476;
const SELINUX = 'security.selinux';

/** A directory as `ls -la` (or `ls -laZ`) shows it, in UTC and with numbers for owners. */
export async function longListing(g: Session, path: string, action: string, selinux: boolean): Promise<string> {
  const dir = await g.vfs.resolve(path, action);
  const rows: Row[] = [];
  let blocks = 0;
  for (const { name, location } of await entries(g, dir)) {
    const stat = await g.vfs.statAt(location);
    blocks += stat.blocks;
    rows.push(await row(g, name, location, stat, selinux));
  }
  const listing = layOut(rows);
  return (await dir.isDirectory()) ? `total ${Math.ceil(blocks / 2)}\n${listing}` : listing;
}

interface Row {
  /** Right-aligned where the flag is set. */
  readonly cells: readonly { readonly text: string; readonly right: boolean }[];
  readonly name: string;
}

async function entries(g: Session, dir: Location): Promise<{ name: string; location: Location }[]> {
  if (!(await dir.isDirectory())) return [{ name: dir.path, location: dir }];
  const names: string[] = [];
  for await (const { name } of dir.mount.fs.readdir(dir.node)) names.push(name);
  names.sort(compareNames);
  const list = [
    { name: '.', location: dir },
    { name: '..', location: dir.parent ?? dir },
  ];
  for (const name of names) {
    const location = await g.vfs.child(dir, name);
    if (location === undefined) throw new FsError('EIO', { operation: 'readdir', path: dir.childPath(name) });
    list.push({ name, location });
  }
  return list;
}

async function row(g: Session, name: string, location: Location, stat: FsStat, selinux: boolean): Promise<Row> {
  const type = stat.mode & S_IFMT;
  const isDevice = type === S_IFBLK || type === S_IFCHR;
  const size = isDevice ? `${stat.rdev.major}, ${stat.rdev.minor}` : String(stat.size);
  const target = type === S_IFLNK ? ` -> ${await location.mount.fs.readlink(location.node)}` : '';
  const left = (text: string) => ({ text, right: false });
  const right = (text: string) => ({ text, right: true });
  return {
    cells: [
      left(modeText(stat.mode)),
      right(String(stat.nlink)),
      left(String(stat.uid)),
      left(String(stat.gid)),
      ...(selinux ? [left(await contextOf(location))] : []),
      right(size),
      left(timeText(stat.mtime.sec, g.platform.now().sec)),
    ],
    name: `${name}${target}`,
  };
}

async function contextOf(location: Location): Promise<string> {
  const { fs } = location.mount;
  const value = supports(fs, 'xattr') ? await fs.getXattr(location.node, SELINUX) : undefined;
  return value === undefined ? '?' : decodeUtf8(value).replace(/\0+$/, '');
}

function layOut(rows: readonly Row[]): string {
  const widths: number[] = [];
  for (const { cells } of rows) {
    for (const [i, { text }] of cells.entries()) widths[i] = Math.max(widths[i] ?? 0, text.length);
  }
  const lines = rows.map(({ cells, name }) => {
    const padded = cells.map(({ text, right }, i) => (right ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)));
    return `${padded.join(' ')} ${name}\n`;
  });
  return lines.join('');
}

/** `drwxr-sr-t` */
export function modeText(mode: number): string {
  const special = (bit: number, shift: number, letter: string): string => {
    const executable = ((mode >> shift) & 1) !== 0;
    if ((mode & bit) === 0) return executable ? 'x' : '-';
    return executable ? letter : letter.toUpperCase();
  };
  const rw = (shift: number): string => `${(mode >> shift) & 4 ? 'r' : '-'}${(mode >> shift) & 2 ? 'w' : '-'}`;
  const type = LETTERS.get(mode & S_IFMT) ?? '-';
  return `${type}${rw(6)}${special(0o4000, 6, 's')}${rw(3)}${special(0o2000, 3, 's')}${rw(0)}${special(0o1000, 0, 't')}`;
}

function timeText(seconds: number, now: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  const day = `${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)}`;
  const isRecent = seconds > now - RECENT && seconds <= now;
  const time = date.toISOString().slice(11, 16);
  return isRecent ? `${day} ${time}` : `${day}  ${date.getUTCFullYear()}`;
}
