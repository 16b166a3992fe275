import { alignUp, concatBytes, viewOf } from '@vmcraft/core/binary';
import { applyFixups } from '../fixup.js';
import { AttributeType, encodeReference, FIXUP_STRIDE, Magic } from '../layout.js';
import {
  INDEX_ENTRY_HEADER_SIZE,
  INDEX_HAS_CHILDREN,
  INDEX_ROOT_HEADER_SIZE,
  INDEX_USA_OFFSET,
  IndexEntryFlag,
  indexBlock,
  indexEntry,
  indexHeader,
  indexRoot,
} from '../layout-index.js';
import { INDEX_BLOCK_BYTES, INDEX_UNIT, INDEX_USN } from './layout-format.js';

const ALIGNMENT = 8;
const CHILD_BYTES = 8;

/** An entry of a directory: a record and its $FILE_NAME. */
export function directoryEntry(record: number, sequence: number, name: Uint8Array): Uint8Array {
  const data = new Uint8Array(alignUp(INDEX_ENTRY_HEADER_SIZE + name.length, ALIGNMENT));
  const reference = encodeReference({ record, sequence });
  indexEntry.encodeInto({ reference, length: data.length, keyLength: name.length }, data);
  data.set(name, INDEX_ENTRY_HEADER_SIZE);
  return data;
}

/** An entry of a view index: a key and data. `tail` goes into the padding. */
export function viewEntry(key: Uint8Array, value: Uint8Array, tail: readonly number[] = []): Uint8Array {
  const dataOffset = INDEX_ENTRY_HEADER_SIZE + key.length;
  const end = dataOffset + value.length;
  const data = new Uint8Array(alignUp(end + tail.length, ALIGNMENT));
  indexEntry.encodeInto({ dataOffset, dataLength: value.length, length: data.length, keyLength: key.length }, data);
  data.set(key, INDEX_ENTRY_HEADER_SIZE);
  data.set(value, dataOffset);
  data.set(tail, end);
  return data;
}

function lastEntry(child?: bigint): Uint8Array {
  const data = new Uint8Array(INDEX_ENTRY_HEADER_SIZE + (child === undefined ? 0 : CHILD_BYTES));
  const flags = IndexEntryFlag.last | (child === undefined ? 0 : IndexEntryFlag.hasChild);
  indexEntry.encodeInto({ length: data.length, flags }, data);
  if (child !== undefined) viewOf(data).setBigUint64(INDEX_ENTRY_HEADER_SIZE, child, true);
  return data;
}

/** Value of an $INDEX_ROOT: with all `entries`, or with none and the block at VCN 0 below it. */
export function rootValue(
  kind: { readonly indexedType?: number; readonly collation: number; readonly clusterSize: number },
  entries: readonly Uint8Array[] | undefined,
): Uint8Array {
  const body = concatBytes([...(entries ?? []), lastEntry(entries === undefined ? 0n : undefined)]);
  const value = new Uint8Array(INDEX_ROOT_HEADER_SIZE + body.length);
  const unit = kind.clusterSize <= INDEX_BLOCK_BYTES ? kind.clusterSize : INDEX_UNIT;
  indexRoot.encodeInto(
    {
      indexedType: kind.indexedType ?? 0,
      collation: kind.collation,
      blockSize: INDEX_BLOCK_BYTES,
      clustersPerBlock: INDEX_BLOCK_BYTES / unit,
    },
    value,
  );
  const indexLength = indexHeader.size + body.length;
  indexHeader.encodeInto(
    {
      entriesOffset: indexHeader.size,
      indexLength,
      allocatedSize: indexLength,
      flags: entries === undefined ? INDEX_HAS_CHILDREN : 0,
    },
    value,
    indexRoot.size,
  );
  value.set(body, INDEX_ROOT_HEADER_SIZE);
  return value;
}

/** $INDEX_ROOT of a directory, for {@link rootValue}. */
export const DIRECTORY_TYPE = AttributeType.fileName;

/** The index block at VCN 0 with these entries, protected by fixups. */
export function indexBlockBytes(entries: readonly Uint8Array[]): Uint8Array {
  const data = new Uint8Array(INDEX_BLOCK_BYTES);
  const usaCount = INDEX_BLOCK_BYTES / FIXUP_STRIDE + 1;
  const entriesOffset = alignUp(INDEX_USA_OFFSET + 2 * usaCount, ALIGNMENT) - indexBlock.size;
  const body = concatBytes([...entries, lastEntry()]);
  indexBlock.encodeInto({ magic: Magic.index, usaOffset: INDEX_USA_OFFSET, usaCount }, data);
  indexHeader.encodeInto(
    { entriesOffset, indexLength: entriesOffset + body.length, allocatedSize: INDEX_BLOCK_BYTES - indexBlock.size },
    data,
    indexBlock.size,
  );
  data.set(body, indexBlock.size + entriesOffset);
  viewOf(data).setUint16(INDEX_USA_OFFSET, INDEX_USN, true);
  applyFixups(data);
  return data;
}
