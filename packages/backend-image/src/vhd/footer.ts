import {
  CorruptImageError,
  type HostFile,
  TruncatedImageError,
  toSafeInteger,
  UnsupportedFeatureError,
} from '@vmcraft/core';
import * as L from './layout.js';

/** A decoded footer and where it was found. */
export interface Footer {
  readonly fields: ReturnType<typeof L.VhdFooter.decode>;
  readonly offset: number;
}

/**
 * Find a footer with a right checksum: the copy at the start of dynamic disks, else the one at the end.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError
 */
export async function readFooter(file: HostFile): Promise<Footer> {
  let problem: CorruptImageError | undefined;
  for (const offset of [0, file.size - L.VhdFooter.size, file.size - L.OLD_FOOTER_SIZE]) {
    if (offset < 0) continue;
    const data = new Uint8Array(L.VhdFooter.size);
    data.set(await file.read(offset, L.VhdFooter.size));
    const fields = L.VhdFooter.decode(data, 0, offset);
    if (fields.cookie !== L.FOOTER_COOKIE) continue;
    const expected = checksum(data, L.VhdFooter.offsetOf('checksum'));
    if (fields.checksum === expected) {
      checkFooter(fields);
      return { fields, offset };
    }
    problem ??= corruptFooter('checksum', expected, fields.checksum, offset);
  }
  if (problem !== undefined) throw problem;
  if (file.size < L.VhdFooter.size) {
    const details = { offset: 0, needed: L.VhdFooter.size, available: file.size };
    throw new TruncatedImageError({ structure: 'vhd.footer', ...details });
  }
  throw corruptFooter('cookie', L.FOOTER_COOKIE, 'something else', Math.max(0, file.size - L.VhdFooter.size));
}

/**
 * Whether the last bytes of a file are a footer that belongs to it. One that says a fixed disk is longer than the file came along when
 * a piece was cut out of another image: such a file is what it seems, raw.
 * @param tail the last 512 bytes of a file of `fileSize` bytes, or fewer
 */
export function isFooterOf(tail: Uint8Array, fileSize: number): boolean {
  for (const length of [L.VhdFooter.size, L.OLD_FOOTER_SIZE]) {
    if (tail.length < length) continue;
    const data = new Uint8Array(L.VhdFooter.size);
    data.set(tail.subarray(tail.length - length));
    const fields = L.VhdFooter.decode(data, 0, fileSize - length);
    if (fields.cookie !== L.FOOTER_COOKIE) continue;
    if (fields.diskType !== L.FIXED || fields.checksum !== checksum(data, L.VhdFooter.offsetOf('checksum')))
      return true;
    return fields.currentSize <= BigInt(Number.MAX_SAFE_INTEGER) && diskSize(fields) <= fileSize - length;
  }
  return false;
}

function checkFooter(f: Footer['fields']): void {
  if (f.fileFormatVersion >>> 16 !== L.FILE_FORMAT_MAJOR) {
    throw new UnsupportedFeatureError({ feature: `version ${f.fileFormatVersion.toString(16)}`, structure: 'vhd' });
  }
  if (L.DISK_TYPES[f.diskType] === undefined) {
    throw new UnsupportedFeatureError({ feature: `disk type ${f.diskType}`, structure: 'vhd' });
  }
}

/** "Checksum": ones' complement of the sum of all bytes but its own. */
export function checksum(data: Uint8Array, at: number): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) if (i < at || i >= at + 4) sum += data[i] as number;
  return ~sum >>> 0;
}

/**
 * Size of the disk in bytes. The specification lets it be rounded to the geometry, and Virtual PC does so; which of the two a writer means
 * is told from its name, as qemu does.
 */
export function diskSize(f: Footer['fields']): number {
  const byGeometry = f.cylinders * f.heads * f.sectorsPerTrack;
  const current = toSafeInteger(f.currentSize, 'vhd.footer.current_size');
  const creator = f.creatorApplication;
  const meansSize = L.SIZE_CREATORS.includes(creator) || L.SIZE_CREATORS.includes(creator.trimEnd());
  if (meansSize || byGeometry === L.MAX_GEOMETRY_SECTORS || byGeometry === 0) return current - (current % L.SECTOR);
  return byGeometry * L.SECTOR;
}

function corruptFooter(field: string, expected: unknown, found: unknown, offset: number): CorruptImageError {
  return new CorruptImageError({ structure: 'vhd.footer', field, offset, expected, found });
}
