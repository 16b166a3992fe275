import { AttributeFlag } from './layout.js';
import type { RunList } from './run-list.js';

/** The part of an attribute that is stored outside its record. Sizes are bytes. */
export interface NonResident {
  readonly runs: RunList;
  allocatedSize: number;
  dataSize: number;
  initializedSize: number;
  /** Power of two of clusters in a compression unit; 0 for none. */
  compressionUnit: number;
}

/** An attribute of a file: all its extents together, decoded. Either `value` or `nonResident` is there. */
export interface Attribute {
  readonly type: number;
  readonly name: string;
  flags: number;
  instance: number;
  /** The resident value is indexed ($FILE_NAME). */
  indexed: number;
  value?: Uint8Array | undefined;
  nonResident?: NonResident | undefined;
}

/** Length of an attribute's value in bytes. */
export function sizeOf(attribute: Attribute): number {
  return attribute.nonResident?.dataSize ?? attribute.value?.length ?? 0;
}

export const isCompressed = (a: Attribute): boolean => (a.flags & AttributeFlag.compressionMask) !== 0;
export const isEncrypted = (a: Attribute): boolean => (a.flags & AttributeFlag.encrypted) !== 0;
export const isSparse = (a: Attribute): boolean => (a.flags & AttributeFlag.sparse) !== 0;
