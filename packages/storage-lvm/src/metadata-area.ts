import { decodeUtf8, toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, LimitExceededError } from '@vmcraft/core/errors';
import { lvmChecksum } from './checksum.js';
import { MDA_HEADER_SIZE, MDA_MAGIC, MDA_VERSION, MdaHeader, RAW_LOCATION_IGNORED, SECTOR } from './layout.js';
import type { Span } from './physical-volume-label.js';

/** Bytes of a text that are read at most. */
const MAX_TEXT = 64 * 1024 * 1024;
const CITATION = 'lvm2, pvck --dump headers: mda_header';

/** A text within the ring of a metadata area. */
export interface TextLocation {
  /** From the start of the area, bytes. */
  readonly offset: number;
  readonly size: number;
  readonly checksum: number;
}

/** The header of a metadata area. */
export interface MetadataArea {
  /** Bytes on the device. */
  readonly start: number;
  readonly size: number;
  readonly ignored: boolean;
  /** What is in force; undefined when the device is in no group. */
  readonly committed: TextLocation | undefined;
}

/** Read the header of an area. @throws CorruptImageError, TruncatedImageError */
export async function readMetadataArea(device: BlockDevice, span: Span): Promise<MetadataArea> {
  const data = await device.read(span.offset, MDA_HEADER_SIZE);
  const header = MdaHeader.decode(data, 0, span.offset);
  const at = { structure: 'mda_header', offset: span.offset, citation: CITATION };
  if (header.magic !== MDA_MAGIC) throw new CorruptImageError({ ...at, field: 'magic', reason: 'it is not there' });
  const checksum = lvmChecksum(data.subarray(4));
  if (checksum !== header.checksum) {
    throw new CorruptImageError({ ...at, field: 'checksum', expected: checksum, found: header.checksum });
  }
  if (header.version !== MDA_VERSION) {
    throw new CorruptImageError({ ...at, field: 'version', expected: MDA_VERSION, found: header.version });
  }
  const start = toSafeInteger(header.start, 'mda_header.start');
  const size = toSafeInteger(header.size, 'mda_header.size');
  if (start !== span.offset || size <= MDA_HEADER_SIZE * 2 || start + size > device.size || size % SECTOR !== 0) {
    throw new CorruptImageError({ ...at, field: 'size', reason: `${size} bytes at ${start} cannot be` });
  }
  const { offset, size: length, checksum: textChecksum, flags } = header.committed;
  const ignored = (flags & RAW_LOCATION_IGNORED) !== 0;
  if (offset === 0n || ignored) return { start, size, ignored, committed: undefined };
  const location = {
    offset: toSafeInteger(offset, 'raw_locn.offset'),
    size: toSafeInteger(length, 'raw_locn.size'),
    checksum: textChecksum,
  };
  if (location.offset < MDA_HEADER_SIZE || location.offset >= size || location.size > size - MDA_HEADER_SIZE) {
    throw new CorruptImageError({ ...at, field: 'raw_locn', reason: `a text of ${length} bytes at ${offset}` });
  }
  return { start, size, ignored, committed: location };
}

/** The text in force, verified. It may go on at the start of the ring. @throws CorruptImageError, LimitExceededError */
export async function readMetadataText(device: BlockDevice, area: MetadataArea): Promise<string | undefined> {
  if (area.committed === undefined) return undefined;
  const { offset, size, checksum } = area.committed;
  if (size > MAX_TEXT) throw new LimitExceededError({ limit: 'bytes of metadata', value: size, max: MAX_TEXT });
  const data = new Uint8Array(size);
  for (const run of ringRuns(area, offset, size)) data.set(await device.read(run.at, run.length), run.done);
  const found = lvmChecksum(data);
  if (found !== checksum) {
    const at = area.start + offset;
    throw new CorruptImageError({ structure: 'metadata text', offset: at, field: 'crc', expected: checksum, found });
  }
  const end = data.indexOf(0);
  return decodeUtf8(end < 0 ? data : data.subarray(0, end));
}

/** Where a text of the ring lies on the device: one run, or two where it wraps. */
export function ringRuns(
  area: { readonly start: number; readonly size: number },
  offset: number,
  size: number,
): { readonly at: number; readonly length: number; readonly done: number }[] {
  const first = Math.min(size, area.size - offset);
  const runs = [{ at: area.start + offset, length: first, done: 0 }];
  if (first < size) runs.push({ at: area.start + MDA_HEADER_SIZE, length: size - first, done: first });
  return runs;
}
