import { encodeUtf16, viewOf } from '@vmcraft/core/binary';
import { S_IFBLK, S_IFCHR, S_IFIFO, S_IFLNK, S_IFSOCK } from '@vmcraft/core/contracts';
import { INTERIX_BLK, INTERIX_CHR, INTERIX_LINK, ReparseTag } from './layout-reparse.js';
import { decodeName } from './mft-record.js';

/** Bytes of the mark that links and devices begin with. */
const MARK_SIZE = 8;
const DEVICE_SIZE = 24;
/** A link's target is at most this long, in UTF-16. */
export const MAX_INTERIX_SIZE = MARK_SIZE + 2 * 32_768;

/** What a file of Services for UNIX stands for. */
export interface SpecialFile {
  /** Type bits of the mode. */
  readonly type: number;
  readonly rdev?: { readonly major: number; readonly minor: number };
  readonly target?: string;
}

const textOf = (data: Uint8Array): string => String.fromCharCode(...data.subarray(0, MARK_SIZE));

/** What a system file stands for by its contents: a FIFO is empty, a socket has one byte, the others begin with a mark. */
export function decodeInterix(data: Uint8Array, size: number): SpecialFile | undefined {
  if (size === 0) return { type: S_IFIFO };
  if (size === 1) return { type: S_IFSOCK };
  if (size < MARK_SIZE || data.length < Math.min(size, DEVICE_SIZE)) return undefined;
  const mark = textOf(data);
  if (mark === INTERIX_LINK && data.length === size) {
    return { type: S_IFLNK, target: decodeName(data.subarray(MARK_SIZE)).replaceAll('\0', '\ufffd') };
  }
  if ((mark !== INTERIX_CHR && mark !== INTERIX_BLK) || size !== DEVICE_SIZE) return undefined;
  const view = viewOf(data);
  const rdev = {
    major: Number(view.getBigUint64(MARK_SIZE, true) & 0xffffffffn),
    minor: Number(view.getBigUint64(MARK_SIZE + 8, true) & 0xffffffffn),
  };
  return { type: mark === INTERIX_CHR ? S_IFCHR : S_IFBLK, rdev };
}

/** Contents of the system file for an object of this type; undefined for types that need none. */
export function encodeInterix(
  type: number,
  rdev?: { major: number; minor: number },
  target?: string,
): Uint8Array | undefined {
  switch (type) {
    case S_IFIFO:
      return new Uint8Array(0);
    case S_IFSOCK:
      return new Uint8Array(1);
    case S_IFLNK:
      return Uint8Array.of(...encodeMark(INTERIX_LINK), ...encodeUtf16(target ?? ''));
    case S_IFCHR:
    case S_IFBLK: {
      const out = new Uint8Array(DEVICE_SIZE);
      out.set(encodeMark(type === S_IFCHR ? INTERIX_CHR : INTERIX_BLK));
      viewOf(out).setBigUint64(MARK_SIZE, BigInt(rdev?.major ?? 0), true);
      viewOf(out).setBigUint64(MARK_SIZE + 8, BigInt(rdev?.minor ?? 0), true);
      return out;
    }
    default:
      return undefined;
  }
}

const encodeMark = (mark: string): Uint8Array => Uint8Array.from(mark, (c) => c.charCodeAt(0));

/** Types of WSL's special files by their reparse tag; device numbers are in an extended attribute. */
export const lxTypes: ReadonlyMap<number, number> = new Map([
  [ReparseTag.afUnix, S_IFSOCK],
  [ReparseTag.lxFifo, S_IFIFO],
  [ReparseTag.lxChr, S_IFCHR],
  [ReparseTag.lxBlk, S_IFBLK],
]);
