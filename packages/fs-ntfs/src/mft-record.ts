import { decodeUtf16, toSafeInteger, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { Attribute, NonResident } from './attribute.js';
import { undoFixups } from './fixup.js';
import {
  AttributeFlag,
  AttributeType,
  decodeReference,
  type FileReference,
  Magic,
  NON_RESIDENT_HEADER_SIZE,
  RESIDENT_HEADER_SIZE,
  RecordFlag,
} from './layout.js';
import { decodeRuns, type RunLimits, RunList } from './run-list.js';

/** Attributes that one record may have: the smallest takes 24 bytes. */
const MIN_ATTRIBUTE = 16;

/** An attribute as it lies in one record: whole when resident, one extent when not. */
export interface RecordAttribute {
  readonly type: number;
  readonly name: string;
  readonly flags: number;
  readonly instance: number;
  readonly indexed: number;
  /** A view into the record. */
  readonly value: Uint8Array | undefined;
  readonly extent: AttributeExtent | undefined;
}

/** The header of a non-resident attribute's extent. */
export interface AttributeExtent {
  readonly lowestVcn: number;
  /** One past the last VCN. */
  readonly endVcn: number;
  /** A view into the record. */
  readonly mappingPairs: Uint8Array;
  readonly compressionUnit: number;
  readonly allocatedSize: number;
  readonly dataSize: number;
  readonly initializedSize: number;
}

/** A FILE record in memory, its fixups undone. */
export class MftRecord {
  readonly view: DataView;

  constructor(
    readonly number: number,
    readonly data: Uint8Array,
    /** Where it lies on the device, for errors. */
    readonly position: number,
  ) {
    this.view = viewOf(data);
  }

  get sequence(): number {
    return this.view.getUint16(16, true);
  }

  get linkCount(): number {
    return this.view.getUint16(18, true);
  }

  get flags(): number {
    return this.view.getUint16(22, true);
  }

  get isInUse(): boolean {
    return (this.flags & RecordFlag.inUse) !== 0;
  }

  /** The record that this one extends; record 0 with sequence 0 for none. */
  get base(): FileReference {
    return decodeReference(this.view.getBigUint64(32, true));
  }

  get isExtension(): boolean {
    return this.view.getBigUint64(32, true) !== 0n;
  }

  /** The update sequence number that it was read with. */
  get updateSequence(): number {
    return this.view.getUint16(this.view.getUint16(4, true), true);
  }

  get nextInstance(): number {
    return this.view.getUint16(40, true);
  }

  #corrupt(field: string, found: unknown, reason?: string): CorruptImageError {
    return new CorruptImageError({
      structure: `FILE record ${this.number}`,
      field,
      offset: this.position,
      found,
      reason: reason ?? `not valid: ${String(found)}`,
      citation: 'Linux-NTFS documentation, "FILE Record" and "Attribute Header"',
    });
  }

  /** All attributes, in order. @throws CorruptImageError */
  attributes(): RecordAttribute[] {
    const { view, data } = this;
    const used = Math.min(view.getUint32(24, true), data.length);
    const out: RecordAttribute[] = [];
    let at = view.getUint16(20, true);
    for (;;) {
      if (at % 8 !== 0 || at + 4 > used) throw this.#corrupt('attributes', at, 'the list of attributes does not end');
      const type = view.getUint32(at, true);
      if (type === AttributeType.end) return out;
      if (at + MIN_ATTRIBUTE > used) throw this.#corrupt('attributes', at, 'the list of attributes does not end');
      const length = view.getUint32(at + 4, true);
      if (length < RESIDENT_HEADER_SIZE || length % 8 !== 0 || at + length > used) {
        throw this.#corrupt(`attribute 0x${type.toString(16)}.length`, length);
      }
      if (type === 0 || type % 16 !== 0) throw this.#corrupt('attribute.type', type);
      out.push(this.#attribute(type, at, length));
      at += length;
    }
  }

  #attribute(type: number, at: number, length: number): RecordAttribute {
    const { view, data } = this;
    const nameLength = view.getUint8(at + 9);
    const nameOffset = view.getUint16(at + 10, true);
    if (nameLength > 0 && nameOffset + nameLength * 2 > length) throw this.#corrupt('attribute.name', nameOffset);
    const name = nameLength === 0 ? '' : decodeName(data.subarray(at + nameOffset, at + nameOffset + nameLength * 2));
    const flags = view.getUint16(at + 12, true);
    const instance = view.getUint16(at + 14, true);
    if (data[at + 8] !== 0) {
      return { type, name, flags, instance, indexed: 0, value: undefined, extent: this.#extent(at, length, flags) };
    }
    const valueLength = view.getUint32(at + 16, true);
    const valueOffset = view.getUint16(at + 20, true);
    if (valueOffset + valueLength > length || valueOffset < RESIDENT_HEADER_SIZE) {
      // An empty value may have any offset.
      if (valueLength > 0) throw this.#corrupt(`attribute 0x${type.toString(16)}.value`, valueLength);
    }
    const from = at + Math.min(valueOffset, length);
    const value = data.subarray(from, from + valueLength);
    return { type, name, flags, instance, indexed: data[at + 22]!, value, extent: undefined };
  }

  #extent(at: number, length: number, flags: number): AttributeExtent {
    const { view, data } = this;
    if (length < NON_RESIDENT_HEADER_SIZE) throw this.#corrupt('attribute.length', length);
    const safe = (offset: number, field: string): number => toSafeInteger(view.getBigInt64(at + offset, true), field);
    const lowestVcn = safe(16, 'attribute.lowest VCN');
    const endVcn = safe(24, 'attribute.highest VCN') + 1;
    const pairs = view.getUint16(at + 32, true);
    if (pairs < NON_RESIDENT_HEADER_SIZE || pairs > length)
      throw this.#corrupt('attribute.mapping pairs offset', pairs);
    if (lowestVcn < 0 || endVcn < lowestVcn) throw this.#corrupt('attribute.highest VCN', endVcn - 1);
    const sizes =
      lowestVcn === 0
        ? {
            allocatedSize: safe(40, 'allocated size'),
            dataSize: safe(48, 'data size'),
            initializedSize: safe(56, 'initialized size'),
          }
        : { allocatedSize: 0, dataSize: 0, initializedSize: 0 };
    if (
      sizes.dataSize < 0 ||
      sizes.allocatedSize < 0 ||
      sizes.initializedSize < 0 ||
      sizes.initializedSize > sizes.dataSize
    ) {
      throw this.#corrupt('attribute.data size', sizes.dataSize);
    }
    const compressionUnit = view.getUint8(at + 34);
    if (compressionUnit > 16) throw this.#corrupt('attribute.compression unit', compressionUnit);
    if ((flags & AttributeFlag.compressionMask) > AttributeFlag.compressed)
      throw this.#corrupt('attribute.flags', flags);
    return { lowestVcn, endVcn, mappingPairs: data.subarray(at + pairs, at + length), compressionUnit, ...sizes };
  }
}

/** UTF-16 text as it is; unlike a text decoder's result, lone surrogates stay. */
export function decodeName(data: Uint8Array): string {
  const length = data.length >> 1;
  if (length > 1024) return decodeUtf16(data);
  let out = '';
  for (let i = 0; i < length; i++) out += String.fromCharCode(data[i * 2]! | (data[i * 2 + 1]! << 8));
  return out;
}

/**
 * Take a record as it was read: verify magic and fixups.
 * @param raw copied, not changed
 * @throws CorruptImageError
 */
export function parseRecord(raw: Uint8Array, number: number, position: number): MftRecord {
  const data = raw.slice();
  const magic = viewOf(data).getUint32(0, true);
  if (magic !== Magic.file) {
    throw new CorruptImageError({
      structure: `FILE record ${number}`,
      field: 'magic',
      offset: position,
      expected: Magic.file,
      found: magic,
      citation: 'Linux-NTFS documentation, "FILE Record"',
    });
  }
  undoFixups(data, `FILE record ${number}`, position);
  return new MftRecord(number, data, position);
}

/** Start an attribute from its first extent, or the whole of a resident one. The value is a view into the record. */
export function startAttribute(part: RecordAttribute, limits: RunLimits): Attribute {
  const { type, name, flags, instance, indexed } = part;
  if (part.extent === undefined)
    return { type, name, flags, instance, indexed, value: part.value ?? new Uint8Array(0) };
  const { allocatedSize, dataSize, initializedSize, compressionUnit } = part.extent;
  const nonResident: NonResident = {
    runs: new RunList(),
    allocatedSize,
    dataSize,
    initializedSize,
    compressionUnit,
  };
  const attribute: Attribute = { type, name, flags, instance, indexed, nonResident };
  addExtent(attribute, part, limits);
  return attribute;
}

/** Add a further extent. @throws CorruptImageError when it does not follow on the last */
export function addExtent(attribute: Attribute, part: RecordAttribute, limits: RunLimits): void {
  const runs = attribute.nonResident?.runs;
  if (runs === undefined || part.extent === undefined || part.extent.lowestVcn !== runs.end) {
    throw new CorruptImageError({
      structure: '$ATTRIBUTE_LIST',
      field: `extents of attribute 0x${attribute.type.toString(16)}`,
      expected: runs?.end,
      found: part.extent?.lowestVcn,
    });
  }
  decodeRuns(part.extent.mappingPairs, runs, part.extent.endVcn, limits);
}
