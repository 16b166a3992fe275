import {
  CorruptImageError,
  decodeUtf16,
  type HostFile,
  isPowerOfTwo,
  LimitExceededError,
  toSafeInteger,
  UnsupportedFeatureError,
} from '@vmcraft/core';
import type { Region } from './header.js';
import * as L from './layout.js';

/** What the metadata region says of the disk. Bytes. */
export interface DiskMetadata {
  readonly blockSize: number;
  readonly size: number;
  readonly logicalSectorSize: 512 | 4096;
  readonly hasParent: boolean;
  readonly fixed: boolean;
  /** Keys and values of the parent locator. */
  readonly parent: ReadonlyMap<string, string>;
}

type Items = ReadonlyMap<string, { readonly offset: number; readonly length: number }>;

/**
 * Read the metadata region. [MS-VHDX] 2.6.
 * @throws CorruptImageError, UnsupportedFeatureError, LimitExceededError
 */
export async function readMetadata(file: HostFile, region: Region): Promise<DiskMetadata> {
  const items = await readTable(file, region);
  const parameters = L.FileParameters.decode(await readItem(file, items, L.ITEM.fileParameters));
  const { size } = L.VirtualDiskSize.decode(await readItem(file, items, L.ITEM.virtualDiskSize));
  const sector = L.SectorSize.decode(await readItem(file, items, L.ITEM.logicalSectorSize)).size;
  const { blockSize, flags } = parameters;
  if (blockSize < L.MIN_BLOCK || blockSize > L.MAX_BLOCK || !isPowerOfTwo(blockSize)) {
    throw corrupt('BlockSize', 'a power of two, 1 to 256 MiB', blockSize);
  }
  if (sector !== 512 && sector !== 4096) throw corrupt('LogicalSectorSize', '512 or 4096', sector);
  const bytes = toSafeInteger(size, 'vhdx.virtualDiskSize');
  if (bytes > L.MAX_DISK || bytes % sector !== 0)
    throw corrupt('VirtualDiskSize', 'whole sectors, at most 64 TiB', bytes);
  const hasParent = (flags & L.FLAG_HAS_PARENT) !== 0;
  return {
    blockSize,
    size: bytes,
    logicalSectorSize: sector,
    hasParent,
    fixed: (flags & L.FLAG_LEAVE_ALLOCATED) !== 0,
    parent: hasParent ? parseLocator(await readItem(file, items, L.ITEM.parentLocator)) : new Map(),
  };
}

async function readTable(file: HostFile, region: Region): Promise<Items> {
  const table = await file.read(region.offset, L.METADATA_TABLE_SIZE);
  const header = L.MetadataTableHeader.decode(table, 0, region.offset);
  if (header.signature !== L.METADATA_SIGNATURE) throw corrupt('Signature', L.METADATA_SIGNATURE, header.signature);
  if (header.entryCount > L.MAX_METADATA_ENTRIES) throw corrupt('EntryCount', 'at most 2047', header.entryCount);
  const known = new Set<string>(Object.values(L.ITEM));
  const items = new Map<string, { offset: number; length: number }>();
  for (let i = 0; i < header.entryCount; i++) {
    const at = L.MetadataTableHeader.size + i * L.MetadataEntry.size;
    const entry = L.MetadataEntry.decode(table, at, region.offset);
    if (!known.has(entry.itemId) && (entry.flags & L.METADATA_REQUIRED) !== 0) {
      throw new UnsupportedFeatureError({ feature: `required metadata item ${entry.itemId}`, structure: 'vhdx' });
    }
    if (entry.offset + entry.length > region.length) throw corrupt('Offset', 'within the region', entry.offset);
    items.set(entry.itemId, { offset: region.offset + entry.offset, length: entry.length });
  }
  return items;
}

async function readItem(file: HostFile, items: Items, id: string): Promise<Uint8Array> {
  const item = items.get(id);
  if (item === undefined) {
    throw new CorruptImageError({ structure: 'vhdx.metadataTable', reason: `item ${id} is missing` });
  }
  if (item.length > L.MAX_ITEM) {
    throw new LimitExceededError({ limit: 'bytes of a VHDX metadata item', value: item.length, max: L.MAX_ITEM });
  }
  return file.read(item.offset, item.length);
}

/** 2.6.2.6: pairs of UTF-16 texts. */
function parseLocator(data: Uint8Array): Map<string, string> {
  const header = L.ParentLocatorHeader.decode(data);
  if (header.locatorType !== L.VHDX_LOCATOR) {
    throw new UnsupportedFeatureError({ feature: `parent locator ${header.locatorType}`, structure: 'vhdx' });
  }
  const pairs = new Map<string, string>();
  for (let i = 0; i < header.keyValueCount; i++) {
    const e = L.ParentLocatorEntry.decode(data, L.ParentLocatorHeader.size + i * L.ParentLocatorEntry.size);
    const end = Math.max(e.keyOffset + e.keyLength, e.valueOffset + e.valueLength);
    if (end > data.length) throw corrupt('parentLocator', `within ${data.length} bytes`, end);
    const key = decodeUtf16(data.subarray(e.keyOffset, e.keyOffset + e.keyLength));
    pairs.set(key.toLowerCase(), decodeUtf16(data.subarray(e.valueOffset, e.valueOffset + e.valueLength)));
  }
  return pairs;
}

function corrupt(field: string, expected: unknown, found: unknown): CorruptImageError {
  return new CorruptImageError({ structure: 'vhdx.metadata', field, expected, found, citation: '[MS-VHDX] 2.6' });
}
