import { decodeUtf8 } from '@vmcraft/core/binary';
import type { BlockDevice, Timestamp } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { DirectoryRecord, FileFlag, SECTOR } from './layout.js';

/** Bytes of a directory that are read at once; records lie within a sector. */
const READ_SIZE = 32 * SECTOR;

/** A run of a file's contents. */
export interface Section {
  /** Offset on the device in bytes. */
  readonly start: number;
  /** Bytes. */
  readonly length: number;
}

/** A directory record (ECMA-119, section 9.1). */
export interface Entry {
  /** Its offset on the device, in bytes. */
  readonly offset: number;
  /** File identifier as it is stored. A single byte 0 is the directory itself, 1 its parent. */
  readonly identifier: Uint8Array;
  readonly flags: number;
  readonly section: Section;
  readonly recorded: Timestamp;
  /** System use area. */
  readonly systemUse: Uint8Array;
}

/** Decode the record at `at` of `data`, which begins at byte `base` of the device. */
export function decodeEntry(data: Uint8Array, at: number, base: number, blockSize: number): Entry {
  const record = DirectoryRecord.decode(data, at, base);
  const nameEnd = DirectoryRecord.size + record.identifierLength;
  if (record.length < nameEnd || at + record.length > data.length) {
    const details = { structure: 'DirectoryRecord', field: 'length', offset: base + at, found: record.length };
    throw new CorruptImageError({ ...details, expected: `at least ${nameEnd}`, citation: 'ECMA-119, section 9.1.1' });
  }
  if (record.fileUnitSize !== 0 || record.interleaveGap !== 0) {
    throw new UnsupportedFeatureError({ structure: 'DirectoryRecord', feature: 'interleaved files' });
  }
  const systemUse = nameEnd + (1 - (record.identifierLength & 1));
  return {
    offset: base + at,
    identifier: data.slice(at + DirectoryRecord.size, at + nameEnd),
    flags: record.flags,
    // Section 6.4.4: the contents begin after the extended attribute record.
    section: { start: (record.extent + record.extendedAttributeLength) * blockSize, length: record.dataLength },
    recorded: shortTime(record.recorded),
    systemUse: data.slice(at + Math.min(systemUse, record.length), at + record.length),
  };
}

/**
 * All records of a directory, the first two (itself and its parent) included.
 * @throws CorruptImageError, TruncatedImageError
 */
export async function* readEntries(device: BlockDevice, directory: Section, blockSize: number): AsyncGenerator<Entry> {
  for (let done = 0; done < directory.length; done += READ_SIZE) {
    const base = directory.start + done;
    const data = await readSpan(device, base, Math.min(READ_SIZE, directory.length - done));
    for (let at = 0; at < data.length; ) {
      const length = data[at]!;
      // Section 6.8.1.1: the rest of a sector that has no room for a record is zeros.
      if (length === 0) at = (Math.floor(at / SECTOR) + 1) * SECTOR;
      else {
        yield decodeEntry(data, at, base, blockSize);
        at += length;
      }
    }
  }
}

/** Bytes of the device; it ending early is a fault of the image. */
export async function readSpan(device: BlockDevice, start: number, length: number, bulk = false): Promise<Uint8Array> {
  if (start + length > device.size) {
    const details = { structure: 'DirectoryRecord', field: 'extent', found: start + length };
    throw new CorruptImageError({ ...details, expected: `at most ${device.size}`, reason: 'it ends past the device' });
  }
  return device.read(start, length, { bulk });
}

/** Whether the identifier is `.` or `..` (section 7.6.2). */
export function isDotEntry({ identifier }: Entry): boolean {
  return identifier.length === 1 && identifier[0]! <= 1;
}

/** Whether the contents go on in the next record. */
export const hasMore = ({ flags }: Entry): boolean => (flags & FileFlag.multiExtent) !== 0;

/** Section 9.1.5: years since 1900, month, day, hour, minute, second, and quarters of an hour from UTC. Zeros: not given. */
export function shortTime(raw: Uint8Array): Timestamp {
  const [year, month, day, hour, minute, second, zone] = raw as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month === 0) return { sec: 0, nsec: 0 };
  const local = Date.UTC(1900 + year, month - 1, day, hour, minute, second) / 1000;
  return { sec: local - ((zone << 24) >> 24) * 900, nsec: 0 };
}

/** Section 8.4.26.1: sixteen digits and quarters of an hour from UTC; the last two digits are hundredths. */
export function longTime(raw: Uint8Array): Timestamp {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(decodeUtf8(raw.subarray(0, 16)));
  if (parts === null || Number(parts[2]) === 0) return { sec: 0, nsec: 0 };
  const [year, month, day, hour, minute, second, hundredths] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const local = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  return { sec: local - ((raw[16]! << 24) >> 24) * 900, nsec: hundredths * 10_000_000 };
}
