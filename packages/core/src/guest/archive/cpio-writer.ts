import { concatBytes, encodeFileName } from '../../binary/index.js';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../../contracts/index.js';
import { LimitExceededError, UnsupportedFeatureError } from '../../errors/index.js';
import { type ArchiveEntry, filled } from './entry.js';

/** `newc` has names and contents; `crc` adds the sum of all bytes of each file (cpio(5), "New ASCII Format"). */
export type CpioFormat = 'newc' | 'crc';

const TYPES: Readonly<Record<ArchiveEntry['kind'], number>> = {
  file: S_IFREG,
  hardlink: S_IFREG,
  directory: S_IFDIR,
  symlink: S_IFLNK,
  'character-device': S_IFCHR,
  'block-device': S_IFBLK,
  fifo: S_IFIFO,
  socket: S_IFSOCK,
};
const ALIGNMENT = 4;
const MAX_FIELD = 0xffffffff;
/** GNU cpio fills archives up to blocks of this many bytes. */
const RECORD = 512;

/** The bytes of a cpio archive, with names below `.`. Every file is written whole, hard links too. */
export async function* cpioBytes(entries: AsyncIterable<ArchiveEntry>, format: CpioFormat): AsyncGenerator<Uint8Array> {
  let inode = 0;
  let written = 0;
  for await (const entry of entries) {
    const target = encodeFileName(entry.kind === 'symlink' ? entry.target : '');
    const size = entry.kind === 'file' ? entry.size : target.length;
    const sum = format === 'crc' && entry.kind === 'file' ? await sumOf(entry) : 0;
    const name = entry.name === '' ? '.' : entry.name;
    const head = header(entry, name, { inode: ++inode, size, sum, magic: format === 'crc' ? '070702' : '070701' });
    yield head;
    if (entry.kind === 'file') yield* filled(entry);
    else if (size > 0) yield target;
    yield new Uint8Array(padding(size));
    written += head.length + size + padding(size);
  }
  const end = trailer(format);
  yield end;
  yield new Uint8Array((RECORD - ((written + end.length) % RECORD)) % RECORD);
}

async function sumOf(entry: ArchiveEntry): Promise<number> {
  let sum = 0;
  for await (const { data } of entry.content()) for (const byte of data) sum = (sum + byte) >>> 0;
  return sum;
}

function padding(length: number): number {
  return (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT;
}

interface HeaderFacts {
  readonly inode: number;
  readonly size: number;
  readonly sum: number;
  readonly magic: string;
}

function header(entry: ArchiveEntry, name: string, facts: HeaderFacts): Uint8Array {
  const { uid, gid, mtime, rdev } = entry;
  if (facts.size > MAX_FIELD) {
    throw new LimitExceededError({ limit: `size of ${name} in a cpio archive`, value: facts.size, max: MAX_FIELD });
  }
  if (mtime.sec > MAX_FIELD) throw new UnsupportedFeatureError({ feature: 'times after 2106', structure: 'cpio' });
  const bytes = encodeFileName(`${name}\0`);
  const fields = [
    facts.inode,
    TYPES[entry.kind] | entry.mode,
    uid,
    gid,
    entry.kind === 'directory' ? 2 : 1,
    Math.max(0, mtime.sec),
    facts.size,
    0,
    0,
    rdev.major,
    rdev.minor,
    bytes.length,
    facts.sum,
  ];
  const text = facts.magic + fields.map((value) => value.toString(16).padStart(8, '0')).join('');
  const head = encodeFileName(text);
  return concatBytes([head, bytes, new Uint8Array(padding(head.length + bytes.length))]);
}

function trailer(format: CpioFormat): Uint8Array {
  const name = encodeFileName('TRAILER!!!\0');
  const fields = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, name.length, 0];
  const magic = format === 'crc' ? '070702' : '070701';
  const head = encodeFileName(magic + fields.map((value) => value.toString(16).padStart(8, '0')).join(''));
  return concatBytes([head, name, new Uint8Array(padding(head.length + name.length))]);
}
