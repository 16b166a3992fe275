import { viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { Attribute } from './attribute.js';
import type { IndexTree } from './index-tree.js';
import {
  AttributeType,
  decodeReference,
  encodeReference,
  FileAttribute,
  RecordFlag,
  standardInformation,
} from './layout.js';

/** A file or directory: its base record and all that hangs on it, decoded. */
export class Inode {
  sequence = 1;
  linkCount = 0;
  flags = 0;
  nextInstance = 0;
  /** The last log record that changed it; kept, as we write no log. */
  lsn = 0n;
  /** Update sequence number that the record was last written with. */
  updateSequence = 0;
  /** Sorted as they lie in records: by type, then name. Without $ATTRIBUTE_LIST, which is made when stored. */
  readonly attributes: Attribute[] = [];
  /** Records besides the base one that hold attributes. */
  extensions: { readonly record: number; readonly sequence: number }[] = [];
  /** The $ATTRIBUTE_LIST as it is on the disk, when there is one. */
  attributeList: Attribute | undefined;
  /** To be written. */
  dirty = false;
  /** The copies of sizes and times in its directory entries are old. */
  namesStale = false;
  /** It was deleted while this object was in use. */
  deleted = false;
  /** Indexes that have been opened, by name. */
  readonly indexes = new Map<string, IndexTree>();

  constructor(readonly number: number) {}

  get reference(): bigint {
    return encodeReference({ record: this.number, sequence: this.sequence });
  }

  get isDirectory(): boolean {
    return (this.flags & RecordFlag.directory) !== 0;
  }

  find(type: number, name = ''): Attribute | undefined {
    for (const attribute of this.attributes) {
      if (attribute.type === type && attribute.name === name) return attribute;
    }
    return undefined;
  }

  /** All of a type. */
  all(type: number): Attribute[] {
    return this.attributes.filter((attribute) => attribute.type === type);
  }

  /** @throws CorruptImageError */
  require(type: number, name = ''): Attribute {
    const found = this.find(type, name);
    if (found !== undefined) return found;
    throw new CorruptImageError({
      structure: `FILE record ${this.number}`,
      field: `attribute 0x${type.toString(16)} '${name}'`,
      reason: 'it is missing',
    });
  }

  /** Value of an attribute that must be resident and of a least size. @throws CorruptImageError */
  requireValue(type: number, size: number, name = ''): Uint8Array {
    const { value } = this.require(type, name);
    if (value !== undefined && value.length >= size) return value;
    throw new CorruptImageError({
      structure: `FILE record ${this.number}`,
      field: `attribute 0x${type.toString(16)}`,
      expected: `a resident value of at least ${size} bytes`,
      found: value?.length,
    });
  }

  /** $STANDARD_INFORMATION, to be read and changed in place. */
  get standard(): DataView {
    return viewOf(this.requireValue(AttributeType.standardInformation, 48));
  }

  /** File attributes, as [MS-FSCC] 2.6 numbers them. */
  get fileAttributes(): number {
    return this.standard.getUint32(standardInformation.offsetOf('fileAttributes'), true);
  }

  set fileAttributes(value: number) {
    this.standard.setUint32(standardInformation.offsetOf('fileAttributes'), value >>> 0, true);
  }

  get isReparsePoint(): boolean {
    return (this.fileAttributes & FileAttribute.reparsePoint) !== 0;
  }

  /** Add an attribute at its place. */
  add(attribute: Omit<Attribute, 'instance' | 'flags' | 'indexed'> & Partial<Attribute>): Attribute {
    const whole: Attribute = { flags: 0, indexed: 0, ...attribute, instance: this.nextInstance };
    this.nextInstance = (this.nextInstance + 1) & 0xffff;
    let at = this.attributes.length;
    while (at > 0 && isAfter(this.attributes[at - 1]!, whole)) at--;
    this.attributes.splice(at, 0, whole);
    return whole;
  }

  remove(attribute: Attribute): void {
    const at = this.attributes.indexOf(attribute);
    if (at >= 0) this.attributes.splice(at, 1);
  }
}

/** Whether `a` lies behind `b` in a record. Names compare by code unit, which agrees with $UpCase for those in use. */
function isAfter(a: Attribute, b: Attribute): boolean {
  if (a.type !== b.type) return a.type > b.type;
  const x = a.name.toUpperCase();
  const y = b.name.toUpperCase();
  return x === y ? a.name > b.name : x > y;
}

/** A record number out of a file reference that is a bigint. */
export function recordOf(reference: bigint): number {
  return decodeReference(reference).record;
}
