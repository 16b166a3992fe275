import { concatBytes, encodeFileName } from '../../binary/index.js';
import { type ArchiveEntry, filled } from './entry.js';
import { encodePax, formatPaxTime, type PaxRecord } from './pax.js';
import { BLOCK, encodeHeader, fitsOctal, splitName, type TarHeader } from './tar-header.js';

const TYPES: Readonly<Record<ArchiveEntry['kind'], string | undefined>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
  // No format has them.
  socket: undefined,
};
const MAX_LINK = 100;
/** GNU tar fills archives up to records of this many bytes. */
const RECORD = 20 * BLOCK;

/** The bytes of a tar archive of entries whose names get `./` before them, as `tar -cf - .` writes. Sockets are left out. */
export async function* tarBytes(entries: AsyncIterable<ArchiveEntry>): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const entry of entries) {
    const type = TYPES[entry.kind];
    if (type === undefined) continue;
    const head = headOf(entry, type);
    yield head;
    length += head.length;
    if (entry.kind !== 'file') continue;
    yield* filled(entry);
    const rest = (BLOCK - (entry.size % BLOCK)) % BLOCK;
    if (rest > 0) yield new Uint8Array(rest);
    length += entry.size + rest;
  }
  const end = 2 * BLOCK;
  yield new Uint8Array(end + ((RECORD - ((length + end) % RECORD)) % RECORD));
}

/** The header of an entry, with an extended header before it where that is needed. */
function headOf(entry: ArchiveEntry, type: string): Uint8Array {
  const isDirectory = entry.kind === 'directory';
  const name = encodeFileName(`./${entry.name}${isDirectory && entry.name !== '' ? '/' : ''}`);
  const target = encodeFileName(entry.kind === 'hardlink' ? `./${entry.target}` : entry.target);
  const header: TarHeader = {
    name,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    size: entry.kind === 'file' ? entry.size : 0,
    mtime: entry.mtime.sec,
    type,
    linkname: target,
    userName: encodeFileName(entry.userName ?? ''),
    groupName: encodeFileName(entry.groupName ?? ''),
    major: entry.rdev.major,
    minor: entry.rdev.minor,
  };
  const records = recordsOf(entry, header);
  if (records.length === 0) return encodeHeader(header);
  const data = encodePax(records);
  const before: TarHeader = {
    ...header,
    name: encodeFileName(`./PaxHeaders/${entry.name.slice(entry.name.lastIndexOf('/') + 1)}`).slice(0, 100),
    type: 'x',
    mode: 0o644,
    size: data.length,
    linkname: new Uint8Array(0),
    major: 0,
    minor: 0,
  };
  const rest = (BLOCK - (data.length % BLOCK)) % BLOCK;
  return concatBytes([encodeHeader(before), data, new Uint8Array(rest), encodeHeader(header)]);
}

/** What the header cannot hold. */
function recordsOf(entry: ArchiveEntry, header: TarHeader): PaxRecord[] {
  const records: PaxRecord[] = [];
  const add = (key: string, value: string): void => void records.push([key, encodeFileName(value)]);
  if (splitName(header.name) === undefined) records.push(['path', header.name]);
  if (header.linkname.length > MAX_LINK) records.push(['linkpath', header.linkname]);
  for (const field of ['uid', 'gid', 'size'] as const) {
    if (!fitsOctal(header[field], field)) add(field, String(header[field]));
  }
  if (entry.mtime.nsec !== 0 || !fitsOctal(entry.mtime.sec, 'mtime')) add('mtime', formatPaxTime(entry.mtime));
  if (!fitsOctal(header.major, 'major')) add('SCHILY.devmajor', String(header.major));
  if (!fitsOctal(header.minor, 'minor')) add('SCHILY.devminor', String(header.minor));
  if (entry.accessAcl !== undefined) add('SCHILY.acl.access', entry.accessAcl);
  if (entry.defaultAcl !== undefined) add('SCHILY.acl.default', entry.defaultAcl);
  if (entry.selinux !== undefined) add('RHT.security.selinux', entry.selinux);
  for (const [name, value] of entry.xattrs) {
    // A keyword ends at the first equals sign; this is how GNU tar writes those of names.
    const keyword = name.replaceAll('%', '%25').replaceAll('=', '%3D');
    records.push([`SCHILY.xattr.${keyword}`, value]);
  }
  return records;
}
