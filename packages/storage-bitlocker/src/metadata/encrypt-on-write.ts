import { crc32, toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice, WarningSink } from '@vmcraft/core/contracts';
import { CorruptImageError, isVmcraftError, LimitExceededError, messageOf } from '@vmcraft/core/errors';
import {
  EOW_BITMAP_SIGNATURE,
  EOW_RECORD_SIGNATURE,
  EOW_SIGNATURE,
  EOW_SPECIFICATION,
  EowBitmap,
  EowInformation,
  EowRecord,
} from '../layout.js';
import type { BootSector } from './boot-sector.js';
import type { Metadata } from './model.js';

/** Bytes of a bitmap with its records: a bit stands for megabytes. */
const MAX_BITMAP = 16 * 1024 * 1024;
const MAX_SPANS = 1 << 20;

type Span = NonNullable<Metadata['encryptedSpans']>[number];
type Hidden = Metadata['hidden'][number];

/** How far a volume is encrypted that encrypts what is written, and its unused room later or never. */
export interface EncryptOnWrite {
  readonly encryptedSpans: readonly Span[];
  /** Spans that are shown as zeros: what is described here itself, and logs of conversions. */
  readonly hidden: readonly Hidden[];
}

/**
 * Read it from the first of its copies that is whole.
 * @throws CorruptImageError when none is, or the bitmaps do not cover the volume; LimitExceededError
 */
export async function readEncryptOnWrite(
  device: BlockDevice,
  boot: BootSector,
  warn: WarningSink,
): Promise<EncryptOnWrite> {
  let failure: unknown;
  for (const offset of boot.eowOffsets) {
    try {
      const found = await readCopy(device, boot, offset);
      if (failure !== undefined) {
        const message = `a copy of the state of its encryption is damaged, another one is used: ${messageOf(failure)}`;
        warn({ source: 'bitlocker', message, cause: failure });
      }
      return found;
    } catch (error) {
      if (!isVmcraftError(error) || (error.code !== 'VMC_CORRUPT' && error.code !== 'VMC_TRUNCATED')) throw error;
      failure ??= error;
    }
  }
  const reason = `no copy of the state of its encryption is whole (tried ${boot.eowOffsets.join(', ')})`;
  throw new CorruptImageError({ structure: EowInformation.name, reason, citation: EOW_SPECIFICATION }, failure);
}

async function readCopy(device: BlockDevice, boot: BootSector, offset: number): Promise<EncryptOnWrite> {
  const info = EowInformation.decode(await device.read(offset, EowInformation.size), 0, offset);
  if (info.signature !== EOW_SIGNATURE)
    throw broken(EowInformation.name, offset, 'signature', info.signature, EOW_SIGNATURE);
  const { headerSize, size, chunkSize, logSize, regions } = info;
  if (headerSize !== EowInformation.size || size !== headerSize + regions * 8) {
    throw broken(EowInformation.name, offset, 'size', size);
  }
  const data = await device.read(offset, size);
  requireSum(data, 36, info.crc32, EowInformation.name, offset);
  if (info.sectorSize !== boot.sectorSize || chunkSize === 0 || chunkSize % boot.sectorSize !== 0) {
    throw broken(EowInformation.name, offset, 'chunkSize', chunkSize);
  }
  const hidden: Hidden[] = boot.eowOffsets.map((at) => ({ offset: at, size: roundUp(size, boot.sectorSize) }));
  const spans: Span[] = [];
  let covered = 0;
  const view = new DataView(data.buffer, data.byteOffset, size);
  for (let i = 0; i < regions; i++) {
    const at = toSafeInteger(view.getBigUint64(headerSize + i * 8, true), 'offset of an EOW bitmap');
    const bitmap = await readBitmap(device, at, chunkSize);
    if (bitmap.start !== covered) throw broken(EowBitmap.name, at, 'regionOffset', bitmap.start, covered);
    covered = bitmap.end;
    for (const span of bitmap.spans) addSpan(spans, span);
    const log = { offset: bitmap.logOffset, size: roundUp(logSize, boot.sectorSize) };
    hidden.push({ offset: at, size: roundUp(bitmap.size, boot.sectorSize) }, log);
  }
  const end = device.size - (device.size % boot.sectorSize);
  if (covered < end) throw broken(EowInformation.name, offset, 'regions', covered, `to cover ${end} bytes`);
  return { encryptedSpans: spans, hidden };
}

interface Bitmap {
  readonly start: number;
  readonly end: number;
  readonly size: number;
  readonly logOffset: number;
  readonly spans: Iterable<Span>;
}

async function readBitmap(device: BlockDevice, at: number, chunkSize: number): Promise<Bitmap> {
  const head = EowBitmap.decode(await device.read(at, EowBitmap.size), 0, at);
  if (head.signature !== EOW_BITMAP_SIGNATURE)
    throw broken(EowBitmap.name, at, 'signature', head.signature, EOW_BITMAP_SIGNATURE);
  const { size, firstRecord, secondRecord } = head;
  if (size > MAX_BITMAP) throw new LimitExceededError({ limit: 'EOW bitmap bytes', value: size, max: MAX_BITMAP });
  if (head.headerSize !== EowBitmap.size || firstRecord < EowBitmap.size || firstRecord > size) {
    throw broken(EowBitmap.name, at, 'firstRecord', firstRecord);
  }
  const data = await device.read(at, size);
  requireSum(data.subarray(0, firstRecord), 56, head.crc32, EowBitmap.name, at);
  const start = toSafeInteger(head.regionOffset, 'EOW region');
  const end = start + toSafeInteger(head.regionSize, 'EOW region');
  const record = newestRecord(data, [firstRecord, secondRecord], at);
  const chunks = Math.ceil((end - start) / chunkSize);
  if (record.bits < chunks) throw broken(EowRecord.name, at, 'bits', record.bits, chunks);
  const logOffset = toSafeInteger(head.logOffset, 'EOW log');
  return { start, end, size, logOffset, spans: spansOf(record.data, { start, end, chunkSize }) };
}

/** The record that was written last: the other is the one before, or was cut off. @throws CorruptImageError when none is whole */
function newestRecord(
  data: Uint8Array,
  places: readonly number[],
  base: number,
): { readonly bits: number; readonly data: Uint8Array } {
  let newest: { sequence: bigint; bits: number; data: Uint8Array } | undefined;
  let failure: unknown;
  for (const place of places) {
    try {
      const head = EowRecord.decode(data, place, base);
      if (head.signature !== EOW_RECORD_SIGNATURE) {
        throw broken(EowRecord.name, base + place, 'signature', head.signature, EOW_RECORD_SIGNATURE);
      }
      const { headerSize, size, bits, sequence } = head;
      if (headerSize !== EowRecord.size || place + size > data.length || bits > (size - headerSize) * 8) {
        throw broken(EowRecord.name, base + place, 'size', size);
      }
      requireSum(data.subarray(place, place + size), 32, head.crc32, EowRecord.name, base + place);
      if (newest === undefined || sequence > newest.sequence) {
        newest = { sequence, bits, data: data.subarray(place + headerSize, place + size) };
      }
    } catch (error) {
      if (!isVmcraftError(error)) throw error;
      failure ??= error;
    }
  }
  if (newest !== undefined) return newest;
  throw new CorruptImageError({ structure: EowRecord.name, offset: base, reason: 'no record is whole' }, failure);
}

function* spansOf(bits: Uint8Array, region: { start: number; end: number; chunkSize: number }): Iterable<Span> {
  const { start, end, chunkSize } = region;
  for (let at = start, i = 0; at < end; at += chunkSize, i++) {
    if (((bits[i >>> 3]! >>> (i & 7)) & 1) === 1) yield { start: at, end: Math.min(end, at + chunkSize) };
  }
}

function addSpan(spans: Span[], span: Span): void {
  const last = spans.at(-1);
  if (last?.end === span.start) spans[spans.length - 1] = { start: last.start, end: span.end };
  else spans.push(span);
  if (spans.length > MAX_SPANS) {
    throw new LimitExceededError({ limit: 'encrypted spans', value: spans.length, max: MAX_SPANS });
  }
}

const roundUp = (size: number, unit: number): number => Math.ceil(size / unit) * unit;

function requireSum(data: Uint8Array, field: number, expected: number, structure: string, offset: number): void {
  const copy = data.slice();
  copy.fill(0, field, field + 4);
  const found = crc32(copy);
  if (found === expected) return;
  const details = { structure, field: 'crc32', offset, expected, found };
  throw new CorruptImageError({ ...details, citation: EOW_SPECIFICATION });
}

function broken(
  structure: string,
  offset: number,
  field: string,
  found: unknown,
  expected?: unknown,
): CorruptImageError {
  const details = { structure, offset, field, found: typeof found === 'string' ? JSON.stringify(found) : found };
  return new CorruptImageError({
    ...details,
    ...(expected === undefined ? {} : { expected }),
    citation: EOW_SPECIFICATION,
  });
}
