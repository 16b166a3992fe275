import { viewOf } from '@vmcraft/core/binary';
import type { Inode } from './inode.js';
import { AttributeType, standardInformation } from './layout.js';
import {
  Collation,
  INDEX_ENTRY_HEADER_SIZE,
  INDEX_ROOT_HEADER_SIZE,
  IndexEntryFlag,
  indexEntry,
  indexHeader,
  indexRoot,
} from './layout-index.js';

/** Clusters larger than an index block are counted in these. */
const SMALL_VCN = 512;

/** $STANDARD_INFORMATION of a new file. */
export function newStandardInformation(now: bigint, fileAttributes: number, securityId: number): Uint8Array {
  return standardInformation.encode({
    creationTime: now,
    modificationTime: now,
    recordChangeTime: now,
    accessTime: now,
    fileAttributes,
    securityId,
  });
}

/** $INDEX_ROOT of an empty directory. */
export function newIndexRoot(blockSize: number, clusterSize: number): Uint8Array {
  const value = new Uint8Array(INDEX_ROOT_HEADER_SIZE + INDEX_ENTRY_HEADER_SIZE);
  const unit = clusterSize <= blockSize ? clusterSize : SMALL_VCN;
  indexRoot.encodeInto(
    {
      indexedType: AttributeType.fileName,
      collation: Collation.fileName,
      blockSize,
      clustersPerBlock: blockSize / unit,
    },
    value,
  );
  const length = value.length - indexRoot.size;
  indexHeader.encodeInto(
    { entriesOffset: indexHeader.size, indexLength: length, allocatedSize: length },
    value,
    indexRoot.size,
  );
  indexEntry.encodeInto({ length: INDEX_ENTRY_HEADER_SIZE, flags: IndexEntryFlag.last }, value, INDEX_ROOT_HEADER_SIZE);
  return value;
}

/** Says which security descriptor a new file gets. */
export interface SecuritySource {
  /** Security id for a new object in a directory; 0 for none. */
  inherited(parent: Inode, isDirectory: boolean): Promise<number>;
}

/** A new object has the descriptor of its directory. */
export const parentSecurity: SecuritySource = {
  async inherited(parent) {
    const value = parent.find(AttributeType.standardInformation)?.value;
    if (value === undefined || value.length < standardInformation.size) return 0;
    return viewOf(value).getUint32(standardInformation.offsetOf('securityId'), true);
  },
};
