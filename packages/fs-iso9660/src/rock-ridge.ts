import { concatBytes, decodeFileName, toSafeInteger, viewOf } from '@vmcraft/core/binary';
import { S_IFBLK, S_IFCHR, S_IFMT, type Timestamp } from '@vmcraft/core/contracts';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { longTime, shortTime } from './directory-record.js';
import {
  ChildLink,
  ComponentFlag,
  DeviceNumber,
  PosixAttributes,
  PX_WITH_SERIAL,
  TimeFlag,
  ZISOFS_1,
  ZISOFS_2,
  ZisofsEntry,
  ZisofsEntry2,
} from './layout.js';
import type { SystemUseEntry } from './system-use.js';

/** Longest symbolic link that is believed, Linux' PATH_MAX. */
const LINK_MAX = 4096;

/** How a file's contents are compressed. */
export interface Zisofs {
  readonly version: 1 | 2;
  /** Bytes of the header before the block pointers. */
  readonly headerSize: number;
  /** Bytes of an unpacked block. */
  readonly blockSize: number;
  /** Bytes of the unpacked file. */
  readonly size: number;
}

/** What Rock Ridge and zisofs say of a record. */
export interface RockRidge {
  name?: string;
  mode?: number;
  links?: number;
  uid?: number;
  gid?: number;
  rdev?: { major: number; minor: number };
  target?: string;
  mtime?: Timestamp;
  atime?: Timestamp;
  ctime?: Timestamp;
  btime?: Timestamp;
  /** Block of the directory that this record stands for. */
  movedTo?: number;
  /** A directory that was moved here and belongs elsewhere: not listed. */
  isRelocated?: boolean;
  zisofs?: Zisofs;
  /** Why the contents cannot be read; everything else about the file is known. */
  refused?: UnsupportedFeatureError;
}

type Reader = (out: RockRidge, data: Uint8Array) => void;

/** What a signature means (RRIP, section 4.1). Entries shorter than their declaration are passed over. */
const READERS: Readonly<Record<string, readonly [size: number, read: Reader]>> = {
  PX: [PosixAttributes.size, readAttributes],
  PN: [DeviceNumber.size, readDevice],
  TF: [5, readTimes],
  CL: [
    ChildLink.size,
    (out, data) => {
      out.movedTo = ChildLink.decode(data).block;
    },
  ],
  RE: [
    4,
    (out) => {
      out.isRelocated = true;
    },
  ],
  SF: [
    4,
    (out) => {
      out.refused = new UnsupportedFeatureError({ structure: 'RRIP SF', feature: 'Rock Ridge sparse files' });
    },
  ],
  ZF: [ZisofsEntry.size, readZisofs],
};

/** Put together what the entries say. */
export function rockRidge(entries: readonly SystemUseEntry[]): RockRidge {
  const out: RockRidge = {};
  for (const { signature, data } of entries) {
    const reader = READERS[signature];
    if (reader !== undefined && data.length >= reader[0]) reader[1](out, data);
  }
  const name = nameOf(entries);
  if (name !== undefined) out.name = name;
  const target = targetOf(entries);
  if (target !== undefined) out.target = target;
  const kind = (out.mode ?? 0) & S_IFMT;
  if (kind !== S_IFBLK && kind !== S_IFCHR) delete out.rdev;
  return out;
}

function readAttributes(out: RockRidge, data: Uint8Array): void {
  const { mode, links, uid, gid } = PosixAttributes.decode(data);
  Object.assign(out, { mode, links, uid, gid });
}

/** Whether a PX entry numbers its file, so that two names of one file can be told. */
export function serialOf(entries: readonly SystemUseEntry[]): number | undefined {
  const px = entries.find((e) => e.signature === 'PX');
  return px !== undefined && px.data.length >= PX_WITH_SERIAL ? viewOf(px.data).getUint32(36, true) : undefined;
}

/** The low word has eight bits of minor number when the high word is used, else Linux' own form of both. */
function readDevice(out: RockRidge, data: Uint8Array): void {
  const { high, low } = DeviceNumber.decode(data);
  if (high === 0 && (low & ~0xff) !== 0) out.rdev = { major: low >>> 8, minor: low & 0xff };
  else out.rdev = { major: high, minor: low };
}

function readTimes(out: RockRidge, data: Uint8Array): void {
  const flags = data[4]!;
  const size = (flags & TimeFlag.longForm) === 0 ? 7 : 17;
  let at = 5;
  const next = (flag: number): Timestamp | undefined => {
    if ((flags & flag) === 0 || at + size > data.length) return undefined;
    const raw = data.subarray(at, at + size);
    at += size;
    return size === 7 ? shortTime(raw) : longTime(raw);
  };
  const btime = next(TimeFlag.creation);
  const mtime = next(TimeFlag.modify);
  const atime = next(TimeFlag.access);
  const ctime = next(TimeFlag.attributes);
  for (const [key, time] of Object.entries({ btime, mtime, atime, ctime })) {
    if (time !== undefined) Object.assign(out, { [key]: time });
  }
}

function readZisofs(out: RockRidge, data: Uint8Array): void {
  const entry = ZisofsEntry.decode(data);
  const { algorithm, blockSizeLog2 } = entry;
  if (algorithm !== ZISOFS_1 && algorithm !== ZISOFS_2) {
    out.refused = new UnsupportedFeatureError({ structure: 'zisofs ZF', feature: `compression '${algorithm}'` });
    return;
  }
  const version = algorithm === ZISOFS_1 ? 1 : 2;
  const size =
    version === 1 ? entry.uncompressedSize : toSafeInteger(ZisofsEntry2.decode(data).uncompressedSize, 'ZF size');
  if (blockSizeLog2 < 15 || blockSizeLog2 > 20) {
    const feature = `blocks of 2^${blockSizeLog2} bytes`;
    out.refused = new UnsupportedFeatureError({ structure: 'zisofs ZF', feature });
    return;
  }
  out.zisofs = { version, headerSize: entry.headerSizeDiv4 * 4, blockSize: 1 << blockSizeLog2, size };
}

/** Section 4.1.4: parts of the name, one after the other. */
function nameOf(entries: readonly SystemUseEntry[]): string | undefined {
  const parts = entries.filter((e) => e.signature === 'NM' && e.data.length > 5).map((e) => e.data.subarray(5));
  if (parts.length === 0) return undefined;
  return decodeFileName(concatBytes(parts)).replace(/[/\0]/g, '-');
}

/** Section 4.1.3: components of a path; one that continues is part of the next. */
function targetOf(entries: readonly SystemUseEntry[]): string | undefined {
  const links = entries.filter((e) => e.signature === 'SL' && e.data.length >= 5);
  if (links.length === 0) return undefined;
  let target = '';
  let joins = true;
  for (const { data } of links) {
    for (let at = 5; at + 2 <= data.length; at += 2 + data[at + 1]!) {
      const flags = data[at]!;
      if (!joins) target += target.endsWith('/') ? '' : '/';
      target += componentText(flags, data.subarray(at + 2, at + 2 + data[at + 1]!));
      joins = (flags & ComponentFlag.continue) !== 0;
      if (target.length > LINK_MAX) return target.slice(0, LINK_MAX);
    }
  }
  return target;
}

function componentText(flags: number, text: Uint8Array): string {
  if ((flags & ComponentFlag.root) !== 0) return '/';
  if ((flags & ComponentFlag.parent) !== 0) return '..';
  return (flags & ComponentFlag.current) !== 0 ? '.' : decodeFileName(text);
}
