import { alignUp, encodeUtf16, viewOf } from '@vmcraft/core/binary';
import { applyFixups } from '../fixup.js';
import {
  AttributeType,
  attributeHeader,
  encodeReference,
  FIXUP_STRIDE,
  fileName,
  fileRecord,
  Magic,
  Namespace,
  NON_RESIDENT_HEADER_SIZE,
  nonResidentHeader,
  RESIDENT_HEADER_SIZE,
  residentHeader,
  STANDARD_INFORMATION_V1_SIZE,
  standardInformation,
  USA_OFFSET_31,
} from '../layout.js';
import { encodeRuns, type RunList } from '../run-list.js';
import { RECORD_USN } from './layout-format.js';

const ALIGNMENT = 8;
/** The end mark and the unused field behind it. */
const END_BYTES = 8;

interface AttributeBase {
  readonly type: number;
  readonly name?: string;
  readonly instance: number;
}

/** An attribute of a new record. */
export type NewAttribute =
  | (AttributeBase & { readonly value: Uint8Array; readonly indexed?: boolean })
  | (AttributeBase & { readonly runs: RunList; readonly size: number; readonly initialized?: number });

/** A new FILE record. */
export interface NewRecord {
  readonly number: number;
  readonly sequence: number;
  readonly links: number;
  readonly flags: number;
  readonly attributes: readonly NewAttribute[];
}

/** Bytes of one attribute with its header. */
function encodeAttribute(attribute: NewAttribute, clusterSize: number): Uint8Array {
  const name = encodeUtf16(attribute.name ?? '');
  const resident = 'value' in attribute;
  const headerSize = resident ? RESIDENT_HEADER_SIZE : NON_RESIDENT_HEADER_SIZE;
  const bodyOffset = alignUp(headerSize + name.length, ALIGNMENT);
  const body = resident ? attribute.value : encodeRuns(attribute.runs).bytes;
  const data = new Uint8Array(alignUp(bodyOffset + body.length, ALIGNMENT));
  const { type, instance } = attribute;
  const common = { type, instance, length: data.length, nameLength: name.length / 2, nameOffset: headerSize };
  attributeHeader.encodeInto({ ...common, nonResident: resident ? 0 : 1 }, data);
  data.set(name, headerSize);
  data.set(body, bodyOffset);
  if (resident) {
    const indexedFlag = attribute.indexed === true ? 1 : 0;
    residentHeader.encodeInto({ valueLength: body.length, valueOffset: bodyOffset, indexedFlag }, data);
    return data;
  }
  const view = viewOf(data);
  const put = (field: 'highestVcn' | 'allocatedSize' | 'dataSize' | 'initializedSize', value: number): void =>
    view.setBigUint64(nonResidentHeader.offsetOf(field), BigInt(value), true);
  put('highestVcn', attribute.runs.end - 1);
  put('allocatedSize', attribute.runs.end * clusterSize);
  put('dataSize', attribute.size);
  put('initializedSize', attribute.initialized ?? attribute.size);
  view.setUint16(nonResidentHeader.offsetOf('mappingPairsOffset'), bodyOffset, true);
  return data;
}

/** Bytes of a record, protected by fixups. */
export function encodeRecord(record: NewRecord, recordSize: number, clusterSize: number): Uint8Array {
  const data = new Uint8Array(recordSize);
  const usaCount = recordSize / FIXUP_STRIDE + 1;
  const attributesOffset = alignUp(USA_OFFSET_31 + 2 * usaCount, ALIGNMENT);
  let at = attributesOffset;
  for (const attribute of record.attributes) {
    const bytes = encodeAttribute(attribute, clusterSize);
    data.set(bytes, at);
    at += bytes.length;
  }
  const view = viewOf(data);
  view.setUint32(at, AttributeType.end, true);
  fileRecord.encodeInto(
    {
      magic: Magic.file,
      usaOffset: USA_OFFSET_31,
      usaCount,
      sequence: record.sequence,
      linkCount: record.links,
      attributesOffset,
      flags: record.flags,
      bytesInUse: at + END_BYTES,
      bytesAllocated: recordSize,
      nextInstance: Math.max(-1, ...record.attributes.map(({ instance }) => instance)) + 1,
      recordNumber: record.number,
    },
    data,
  );
  view.setUint16(USA_OFFSET_31, RECORD_USN, true);
  applyFixups(data);
  return data;
}

/** $STANDARD_INFORMATION with one moment for all times; the short form for files with a descriptor of their own. */
export function standardValue(time: bigint, fileAttributes: number, securityId?: number): Uint8Array {
  const value = standardInformation.encode({
    creationTime: time,
    modificationTime: time,
    recordChangeTime: time,
    accessTime: time,
    fileAttributes,
    securityId: securityId ?? 0,
  });
  return securityId === undefined ? value.subarray(0, STANDARD_INFORMATION_V1_SIZE) : value;
}

/** What a $FILE_NAME of a new volume says. */
export interface NewName {
  readonly name: string;
  /** Record of the directory, whose sequence number is the same in new volumes. */
  readonly parent: number;
  readonly time: bigint;
  readonly fileAttributes: number;
  readonly allocatedSize?: number;
  readonly dataSize?: number;
}

/** $FILE_NAME, in the namespace of both Win32 and DOS. */
export function nameValue(n: NewName): Uint8Array {
  const text = encodeUtf16(n.name);
  const value = new Uint8Array(fileName.size + text.length);
  fileName.encodeInto(
    {
      parent: encodeReference({ record: n.parent, sequence: n.parent }),
      creationTime: n.time,
      modificationTime: n.time,
      recordChangeTime: n.time,
      accessTime: n.time,
      allocatedSize: BigInt(n.allocatedSize ?? 0),
      dataSize: BigInt(n.dataSize ?? 0),
      fileAttributes: n.fileAttributes,
      nameLength: n.name.length,
      namespace: Namespace.win32AndDos,
    },
    value,
  );
  value.set(text, fileName.size);
  return value;
}
