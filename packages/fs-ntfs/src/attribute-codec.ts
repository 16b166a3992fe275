import { encodeUtf16 } from '@vmcraft/core/binary';
import { type Attribute, isCompressed, isSparse } from './attribute.js';
import {
  attributeHeader,
  NON_RESIDENT_HEADER_SIZE,
  nonResidentHeader,
  RESIDENT_HEADER_SIZE,
  residentHeader,
  SPARSE_HEADER_SIZE,
} from './layout.js';
import { type EncodedRuns, encodeRuns } from './run-list.js';

const align8 = (size: number): number => (size + 7) & ~7;

/** An attribute, or one extent of it, as it goes into a record. */
export interface EncodedAttribute {
  readonly attribute: Attribute;
  readonly lowestVcn: number;
  /** One past the last VCN; 0 for resident ones. */
  readonly endVcn: number;
  readonly bytes: Uint8Array;
}

function headerSize(attribute: Attribute, lowestVcn: number): number {
  if (attribute.nonResident === undefined) return RESIDENT_HEADER_SIZE;
  const hasCompressedSize = lowestVcn === 0 && (isSparse(attribute) || isCompressed(attribute));
  return hasCompressedSize ? SPARSE_HEADER_SIZE : NON_RESIDENT_HEADER_SIZE;
}

/** Bytes of one signed number. */
function numberSize(value: number): number {
  let size = 1;
  for (let bound = 128; value >= bound || value < -bound; bound *= 256) size++;
  return size;
}

function mappingPairsSize(attribute: Attribute): number {
  let total = 1;
  let previous = 0;
  for (const run of attribute.nonResident!.runs.runs) {
    total += 1 + numberSize(run.length);
    if (run.lcn < 0) continue;
    total += numberSize(run.lcn - previous);
    previous = run.lcn;
  }
  return total;
}

/** Bytes that an attribute takes in a record when it lies there whole. */
export function encodedSize(attribute: Attribute): number {
  const name = align8(headerSize(attribute, 0) + attribute.name.length * 2);
  return align8(name + (attribute.nonResident === undefined ? attribute.value!.length : mappingPairsSize(attribute)));
}

/** Encode a resident attribute. */
function encodeResident(attribute: Attribute): EncodedAttribute {
  const value = attribute.value!;
  const valueOffset = align8(RESIDENT_HEADER_SIZE + attribute.name.length * 2);
  const bytes = new Uint8Array(align8(valueOffset + value.length));
  residentHeader.encodeInto({ valueLength: value.length, valueOffset, indexedFlag: attribute.indexed }, bytes);
  encodeCommon(attribute, bytes, 0, RESIDENT_HEADER_SIZE);
  bytes.set(value, valueOffset);
  return { attribute, lowestVcn: 0, endVcn: 0, bytes };
}

function encodeCommon(attribute: Attribute, bytes: Uint8Array, nonResident: number, nameOffset: number): void {
  attributeHeader.encodeInto(
    {
      type: attribute.type,
      length: bytes.length,
      nonResident,
      nameLength: attribute.name.length,
      nameOffset: attribute.name === '' && nonResident === 0 ? RESIDENT_HEADER_SIZE : nameOffset,
      flags: attribute.flags,
      instance: attribute.instance,
    },
    bytes,
  );
  bytes.set(encodeUtf16(attribute.name), nameOffset);
}

/**
 * Encode an attribute, or as much of its runs from a VCN on as goes into `room` bytes.
 * @returns undefined when not even one run does
 */
export function encodeAttribute(
  attribute: Attribute,
  clusterSize: number,
  from = 0,
  room = Number.POSITIVE_INFINITY,
): EncodedAttribute | undefined {
  const body = attribute.nonResident;
  if (body === undefined) {
    return encodedSize(attribute) <= room ? encodeResident(attribute) : undefined;
  }
  const header = headerSize(attribute, from);
  const pairsOffset = align8(header + attribute.name.length * 2);
  if (pairsOffset + 8 > room) return undefined;
  const pairs: EncodedRuns = encodeRuns(body.runs, from, Math.floor(room / 8) * 8 - pairsOffset);
  if (pairs.end === from && body.runs.end > from) return undefined;
  const bytes = new Uint8Array(align8(pairsOffset + pairs.bytes.length));
  nonResidentHeader.encodeInto(
    { lowestVcn: BigInt(from), highestVcn: BigInt(pairs.end - 1), mappingPairsOffset: pairsOffset },
    bytes,
  );
  if (from === 0) encodeSizes(attribute, bytes, clusterSize, header);
  encodeCommon(attribute, bytes, 1, header);
  bytes.set(pairs.bytes, pairsOffset);
  return { attribute, lowestVcn: from, endVcn: pairs.end, bytes };
}

function encodeSizes(attribute: Attribute, bytes: Uint8Array, clusterSize: number, header: number): void {
  const { runs, dataSize, initializedSize, compressionUnit } = attribute.nonResident!;
  const sizes = {
    compressionUnit,
    allocatedSize: BigInt(runs.end * clusterSize),
    dataSize: BigInt(dataSize),
    initializedSize: BigInt(initializedSize),
  };
  const compressedSize = BigInt(runs.allocated * clusterSize);
  nonResidentHeader.encodeInto(header === SPARSE_HEADER_SIZE ? { ...sizes, compressedSize } : sizes, bytes);
}
