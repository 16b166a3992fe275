import {
  CorruptImageError,
  type HostFile,
  type ImageInfo,
  isPowerOfTwo,
  TruncatedImageError,
  toSafeInteger,
} from '@vmcraft/core';
import { type Block, type BlockLayout, BlockMap, bitRun } from '../block-map.js';
import type { OpenedChain, OpenedImage } from '../chain.js';
import { BACKING_METADATA_BYTES, TOP_METADATA_BYTES } from '../limits.js';
import { MappedImage } from '../mapped-image.js';
import { MetadataCache } from '../page-cache.js';
import type { DiskImage, Run } from '../run.js';
import { checksum, diskSize, type Footer, readFooter } from './footer.js';
import * as L from './layout.js';
import { parentNames } from './parent.js';

const PAGE = 65536;

/**
 * Open a VHD: fixed, dynamic or differencing.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError, LimitExceededError
 */
export async function open(file: HostFile, chain: OpenedChain): Promise<OpenedImage> {
  const footer = await readFooter(file);
  const size = diskSize(footer.fields);
  return footer.fields.diskType === L.FIXED ? openFixed(file, footer, size) : openSparse(file, footer, size, chain);
}

function openFixed(file: HostFile, footer: Footer, size: number): OpenedImage {
  const available = footer.offset === 0 ? file.size : footer.offset;
  if (size > available) {
    throw new TruncatedImageError({ structure: 'vhd fixed disk', offset: 0, needed: size, available });
  }
  const runAt = (offset: number, limit: number): Run => ({ kind: 'stored', length: limit, file, position: offset });
  return new MappedImage(file, describe(footer, size), { runAt });
}

type DynamicHeader = ReturnType<typeof L.VhdDynamicHeader.decode>;

async function openSparse(file: HostFile, footer: Footer, size: number, chain: OpenedChain): Promise<OpenedImage> {
  const offset = toSafeInteger(footer.fields.dataOffset, 'vhd.footer.data_offset');
  const data = await file.read(offset, L.VhdDynamicHeader.size);
  const header = L.VhdDynamicHeader.decode(data, 0, offset);
  checkDynamic(header, data, offset, size);
  const differencing = footer.fields.diskType === L.DIFFERENCING;
  const budget = chain.depth === 0 ? TOP_METADATA_BYTES : BACKING_METADATA_BYTES;
  const cache = new MetadataCache(file, PAGE, budget);
  const map = new BlockMap(cache, layoutOf(header, cache, differencing));
  const backing = differencing ? await openParent(file, header, data, chain) : undefined;
  const info = describe(footer, size, header.blockSize, chain.backingPath);
  return new MappedImage(file, info, map, { backing });
}

function checkDynamic(h: DynamicHeader, data: Uint8Array, offset: number, size: number): void {
  if (h.cookie !== L.DYNAMIC_COOKIE) throw corrupt('cookie', L.DYNAMIC_COOKIE, h.cookie, offset);
  const expected = checksum(data, L.VhdDynamicHeader.offsetOf('checksum'));
  if (h.checksum !== expected) throw corrupt('checksum', expected, h.checksum, offset);
  if (h.blockSize < L.SECTOR || h.blockSize > L.MAX_BLOCK || !isPowerOfTwo(h.blockSize)) {
    throw corrupt('block_size', `a power of two, ${L.SECTOR} to ${L.MAX_BLOCK}`, h.blockSize, offset);
  }
  const needed = Math.ceil(size / h.blockSize);
  if (h.maxTableEntries < needed) throw corrupt('max_table_entries', `at least ${needed}`, h.maxTableEntries, offset);
}

function layoutOf(h: DynamicHeader, cache: MetadataCache, differencing: boolean): BlockLayout {
  // Each block has a bitmap before it: a bit for each sector, in whole sectors.
  const bitmapBytes = Math.ceil(h.blockSize / L.SECTOR / 8 / L.SECTOR) * L.SECTOR;
  const unused: Block = { kind: differencing ? 'absent' : 'hole', position: 0 };
  const kind = differencing ? 'partial' : 'stored';
  return {
    structure: 'vhd block allocation table',
    blockBytes: h.blockSize,
    tableOffset: toSafeInteger(h.tableOffset, 'vhd.dynamicHeader.table_offset'),
    entryBytes: L.BAT_ENTRY,
    entries: h.maxTableEntries,
    rowBlocks: Number.POSITIVE_INFINITY,
    entryOf: (block) => block,
    block: (view, at) => {
      const entry = view.getUint32(at);
      return entry === L.BAT_UNUSED ? unused : { kind, position: entry * L.SECTOR + bitmapBytes };
    },
    partial: (_block, position, within, limit) => sectorRun(cache, position, bitmapBytes, within, limit),
  };
}

/** "Sector bitmap": a set bit says that the sector is in this disk, the highest bit of a byte being the first. */
async function sectorRun(
  cache: MetadataCache,
  position: number,
  bitmapBytes: number,
  within: number,
  limit: number,
): Promise<Run> {
  const sector = Math.floor(within / L.SECTOR);
  const start = position - bitmapBytes + (sector >> 3);
  const page = await cache.page(start);
  const at = cache.within(page, start, 1, 'vhd sector bitmap');
  const bitmap = page.data.subarray(at, Math.min(page.valid, at + bitmapBytes - (sector >> 3)));
  const most = Math.min(bitmap.length * 8 - (sector & 7), Math.ceil(limit / L.SECTOR) + 1);
  const run = bitRun(bitmap, sector & 7, most, true);
  const length = Math.min(limit, run.length * L.SECTOR - (within % L.SECTOR));
  if (!run.set) return { kind: 'absent', length };
  return { kind: 'stored', length, file: cache.file, position: position + within };
}

/** Names of the parent of a differencing disk, best first; none for others. */
export async function parentNamesOf(file: HostFile): Promise<readonly string[]> {
  const { fields } = await readFooter(file);
  if (fields.diskType !== L.DIFFERENCING) return [];
  const offset = toSafeInteger(fields.dataOffset, 'vhd.footer.data_offset');
  return parentNames(file, await file.read(offset, L.VhdDynamicHeader.size));
}

async function openParent(
  file: HostFile,
  header: DynamicHeader,
  data: Uint8Array,
  chain: OpenedChain,
): Promise<DiskImage> {
  const name = await chain.firstExisting(await parentNames(file, data));
  if (name === undefined) {
    throw new CorruptImageError({
      structure: 'vhd.dynamicHeader',
      reason: 'a differencing disk without a parent name',
    });
  }
  const parent = await chain.openBacking(name);
  if (parent.info.details.uuid !== header.parentUniqueId) {
    chain.warn(`the parent ${name} is another disk than the one this was made on (unique id differs)`);
  }
  return parent;
}

function describe(footer: Footer, virtualSize: number, blockSize?: number, backingFile?: string): ImageInfo {
  const f = footer.fields;
  const details = {
    subformat: L.DISK_TYPES[f.diskType] ?? '',
    creator: f.creatorApplication,
    uuid: f.uniqueId,
    ...(blockSize === undefined ? {} : { 'cluster-size': blockSize }),
  };
  return { format: 'vpc', virtualSize, details, ...(backingFile === undefined ? {} : { backingFile }) };
}

function corrupt(field: string, expected: unknown, found: unknown, offset: number): CorruptImageError {
  return new CorruptImageError({ structure: 'vhd.dynamicHeader', field, offset, expected, found });
}
