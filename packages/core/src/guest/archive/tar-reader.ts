import { decodeFileName, decodeUtf8 } from '../../binary/index.js';
import { ByteReader } from '../byte-reader.js';
import { type ArchiveEntry, type ContentRun, type EntryKind, noContent } from './entry.js';
import { decodePax, type PaxRecord, parsePaxTime } from './pax.js';
import { checkRuns, oldGnuMap, paxDataMap, paxListMap, type SparseRun } from './sparse-map.js';
import { BLOCK, bytesAt, corruptTar, decodeHeader, type TarHeader } from './tar-header.js';

/** Bytes of an extended header or a long name. */
const MAX_EXTENDED = 16 * 1024 * 1024;
/** Bytes of file contents handed on at once. */
const MAX_CHUNK = 1 << 20;
const XATTR = 'SCHILY.xattr.';

const KINDS: Readonly<Record<string, EntryKind>> = {
  0: 'file',
  1: 'hardlink',
  2: 'symlink',
  3: 'character-device',
  4: 'block-device',
  5: 'directory',
  6: 'fifo',
  7: 'file',
  // GNU: a directory with a list of its names, which nobody needs.
  D: 'directory',
  S: 'file',
};

/** What comes before a header and belongs to it. */
interface Extension {
  records: Map<string, Uint8Array>;
  /** Numbers of sparse format 0.0, whose records repeat. */
  sparse: string[];
  longName?: Uint8Array;
  longLink?: Uint8Array;
}

/** Entries of a tar archive: ustar, PAX, and what GNU tar writes besides. @throws CorruptImageError */
export async function* tarEntries(source: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveEntry> {
  const reader = new ByteReader(source);
  const global = new Map<string, Uint8Array>();
  let extension = newExtension(global);
  try {
    for (;;) {
      const block = await reader.peek(BLOCK);
      if (block.length === 0) return;
      if (block.length < BLOCK) throw corruptTar('ends within a header');
      const raw = (await reader.take(BLOCK))!.slice();
      const header = decodeHeader(raw);
      if (header === undefined) return;
      if (header.size < 0) throw corruptTar('an entry with a negative size');
      if (await readExtension(reader, header, extension, global)) continue;
      if (header.type === 'V' || header.type === 'M') {
        if (header.type === 'M') throw corruptTar('continues an archive of another volume');
        await skipData(reader, header.size);
        continue;
      }
      yield* readEntry(reader, raw, header, extension);
      extension = newExtension(global);
    }
  } finally {
    await reader.close();
  }
}

const newExtension = (global: ReadonlyMap<string, Uint8Array>): Extension => ({
  records: new Map(global),
  sparse: [],
});

/** @returns whether the header was one of those that say something of the next */
async function readExtension(
  reader: ByteReader,
  header: TarHeader,
  extension: Extension,
  global: Map<string, Uint8Array>,
): Promise<boolean> {
  if (!'xgLKX'.includes(header.type)) return false;
  if (header.size > MAX_EXTENDED) throw corruptTar(`an extended header of ${header.size} bytes`);
  const data = await reader.take(header.size + padding(header.size));
  if (data === undefined) throw corruptTar('ends within an extended header');
  const value = data.slice(0, header.size);
  if (header.type === 'L') extension.longName = bytesAt(value, 0, value.length);
  else if (header.type === 'K') extension.longLink = bytesAt(value, 0, value.length);
  else if (header.type === 'g') {
    for (const [key, bytes] of decodePax(value)) global.set(key, bytes);
    extension.records = new Map(global);
  } else takeRecords(decodePax(value), extension);
  return true;
}

function takeRecords(records: readonly PaxRecord[], extension: Extension): void {
  for (const [key, value] of records) {
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') extension.sparse.push(decodeUtf8(value));
    else if (value.length === 0 && !key.startsWith(XATTR)) extension.records.delete(key);
    else extension.records.set(key, value);
  }
}

async function* readEntry(
  reader: ByteReader,
  raw: Uint8Array,
  header: TarHeader,
  extension: Extension,
): AsyncGenerator<ArchiveEntry> {
  const { records } = extension;
  const stored = numberOf(records, 'size') ?? header.size;
  const facts = describe(header, extension);
  const hasData = facts.kind === 'file';
  const layout = hasData ? await layoutOf(reader, raw, stored, extension) : undefined;
  const left = { bytes: stored - (layout?.taken ?? 0) };
  if (left.bytes < 0) throw corruptTar('a sparse map longer than its entry');
  if (layout !== undefined) checkRuns(layout.runs, layout.size, left.bytes);
  const content = layout === undefined ? noContent : () => runsOf(reader, layout.runs, left, facts.name);
  yield { ...facts, size: layout?.size ?? 0, content };
  await skipData(reader, left.bytes, stored);
}

/** Where the bytes of a file belong. */
async function layoutOf(reader: ByteReader, raw: Uint8Array, stored: number, { records, sparse }: Extension) {
  if (raw[156] === 'S'.charCodeAt(0)) return { ...(await oldGnuMap(raw, reader)), taken: 0 };
  const size = numberOf(records, 'GNU.sparse.realsize') ?? numberOf(records, 'GNU.sparse.size');
  if (size === undefined) return { runs: [{ offset: 0, length: stored }], size: stored, taken: 0 };
  if (numberOf(records, 'GNU.sparse.major') === 1) return { ...(await paxDataMap(reader)), size };
  const list = records.get('GNU.sparse.map');
  const numbers = list === undefined ? sparse : decodeUtf8(list).split(',');
  return { runs: paxListMap(numbers), size, taken: 0 };
}

async function* runsOf(
  reader: ByteReader,
  runs: readonly SparseRun[],
  left: { bytes: number },
  name: string,
): AsyncGenerator<ContentRun> {
  for (const run of runs) {
    let at = run.offset;
    for await (const chunk of reader.stream(run.length)) {
      left.bytes -= chunk.length;
      for (let done = 0; done < chunk.length; done += MAX_CHUNK) {
        const data = chunk.subarray(done, done + MAX_CHUNK);
        yield { offset: at, data };
        at += data.length;
      }
    }
    if (at < run.offset + run.length) throw corruptTar(`ends within '${name}'`);
  }
}

async function skipData(reader: ByteReader, left: number, size = left): Promise<void> {
  if (!(await reader.skip(left + padding(size)))) throw corruptTar('ends within a file');
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** Everything but the bytes. */
function describe(header: TarHeader, extension: Extension): Omit<ArchiveEntry, 'size' | 'content'> {
  const { records } = extension;
  const text = (key: string): string | undefined => {
    const value = records.get(key);
    return value === undefined ? undefined : decodeFileName(value);
  };
  const path = text('GNU.sparse.name') ?? text('path') ?? decodeFileName(extension.longName ?? header.name);
  const known = KINDS[header.type] ?? 'file';
  const mtime = text('mtime');
  return {
    name: memberName(path),
    // Archives older than POSIX mark directories by a slash.
    kind: known === 'file' && path.endsWith('/') ? 'directory' : known,
    mode: header.mode,
    uid: numberOf(records, 'uid') ?? header.uid,
    gid: numberOf(records, 'gid') ?? header.gid,
    userName: text('uname') ?? decodeFileName(header.userName),
    groupName: text('gname') ?? decodeFileName(header.groupName),
    mtime: mtime === undefined ? { sec: header.mtime, nsec: 0 } : parsePaxTime(mtime),
    target: text('linkpath') ?? decodeFileName(extension.longLink ?? header.linkname),
    rdev: {
      major: numberOf(records, 'SCHILY.devmajor') ?? header.major,
      minor: numberOf(records, 'SCHILY.devminor') ?? header.minor,
    },
    xattrs: new Map(
      [...records].flatMap(([key, value]) =>
        key.startsWith(XATTR) ? [[attributeName(key.slice(XATTR.length)), value]] : [],
      ),
    ),
    accessAcl: text('SCHILY.acl.access'),
    defaultAcl: text('SCHILY.acl.default'),
    selinux: text('RHT.security.selinux'),
  };
}

/** GNU tar writes `=` and `%` of names as `%3D` and `%25`. */
function attributeName(keyword: string): string {
  return keyword.replaceAll('%3D', '=').replaceAll('%25', '%');
}

function numberOf(records: ReadonlyMap<string, Uint8Array>, key: string): number | undefined {
  const value = records.get(key);
  if (value === undefined) return undefined;
  const text = decodeUtf8(value);
  const number = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(number)) throw corruptTar(`'${text}' for ${key}`);
  return number;
}

/** A member's path below the top: no leading slash, no empty parts, no `.`. @throws CorruptImageError for `..` */
export function memberName(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw corruptTar(`member name '${path}' contains '..'`);
  if (path.includes('\0')) throw corruptTar('a member name with a NUL');
  return parts.join('/');
}
