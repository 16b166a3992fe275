import { viewOf } from '@vmcraft/core/binary';
import { InternalError } from '@vmcraft/core/errors';
import type { EncodedAttribute } from './attribute-codec.js';
import { applyFixups } from './fixup.js';
import { AttributeType, FIXUP_STRIDE, fileRecord, Magic, RecordFlag, USA_OFFSET_30, USA_OFFSET_31 } from './layout.js';

/** End mark and padding behind the last attribute. */
const END_SIZE = 8;

/** The form of records on a volume. */
export interface RecordShape {
  readonly recordSize: number;
  /** NTFS 3.0 has no record number in its records. */
  readonly numbered: boolean;
}

/** What the header of a record says. */
export interface RecordHeader {
  readonly number: number;
  readonly sequence: number;
  readonly linkCount: number;
  readonly flags: number;
  readonly baseReference: bigint;
  readonly nextInstance: number;
  readonly lsn: bigint;
  /** Update sequence number of the last write. */
  readonly updateSequence: number;
}

function usaOffset(shape: RecordShape): number {
  return shape.numbered ? USA_OFFSET_31 : USA_OFFSET_30;
}

function attributesOffset(shape: RecordShape): number {
  return (usaOffset(shape) + (shape.recordSize / FIXUP_STRIDE + 1) * 2 + 7) & ~7;
}

/** Bytes that the attributes of a record may take. */
export function recordCapacity(shape: RecordShape): number {
  return shape.recordSize - attributesOffset(shape) - END_SIZE;
}

/** Encode a record, protected by fixups. Its attributes must fit. */
export function encodeRecord(shape: RecordShape, header: RecordHeader, parts: readonly EncodedAttribute[]): Uint8Array {
  const out = new Uint8Array(shape.recordSize);
  const first = attributesOffset(shape);
  let at = first;
  for (const { bytes } of parts) {
    if (at + bytes.length + END_SIZE > out.length) {
      throw new InternalError('attributes do not fit into their record', { record: header.number });
    }
    out.set(bytes, at);
    at += bytes.length;
  }
  const view = viewOf(out);
  view.setUint32(at, AttributeType.end, true);
  const { recordNumber: _, ...fields } = {
    recordNumber: 0,
    magic: Magic.file,
    usaOffset: usaOffset(shape),
    usaCount: shape.recordSize / FIXUP_STRIDE + 1,
    lsn: header.lsn,
    sequence: header.sequence,
    linkCount: header.linkCount,
    attributesOffset: first,
    flags: header.flags,
    bytesInUse: at + END_SIZE,
    bytesAllocated: shape.recordSize,
    baseRecord: header.baseReference,
    nextInstance: header.nextInstance,
  };
  fileRecord.encodeInto(shape.numbered ? { ...fields, recordNumber: header.number } : fields, out);
  view.setUint16(usaOffset(shape), header.updateSequence, true);
  applyFixups(out);
  return out;
}

/** A record that nobody uses, as new room of $MFT is filled with. */
export function blankRecord(shape: RecordShape, number: number): Uint8Array {
  const header = {
    number,
    sequence: 1,
    linkCount: 0,
    flags: 0,
    baseReference: 0n,
    nextInstance: 0,
    lsn: 0n,
    updateSequence: 0,
  };
  return encodeRecord(shape, header, []);
}

/** Flags of a record that extends another. */
export const EXTENSION_FLAGS = RecordFlag.inUse;
