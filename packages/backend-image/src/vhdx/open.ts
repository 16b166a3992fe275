import { CorruptImageError, type HostFile, type ImageInfo, TruncatedImageError, toSafeInteger } from '@vmcraft/core';
import { type Block, type BlockLayout, BlockMap, bitRun } from '../block-map.js';
import type { OpenedChain, OpenedImage } from '../chain.js';
import { BACKING_METADATA_BYTES, TOP_METADATA_BYTES } from '../limits.js';
import { MappedImage } from '../mapped-image.js';
import { MetadataCache } from '../page-cache.js';
import type { DiskImage, Run } from '../run.js';
import { type Header, type Region, readCurrentHeader, readRegions } from './header.js';
import * as L from './layout.js';
import { readLog } from './log.js';
import { type DiskMetadata, readMetadata } from './metadata.js';
import { PatchedFile } from './patched-file.js';

const PAGE = 65536;

/**
 * Open a VHDX: fixed, dynamic or differencing. A log that was not yet played back is applied to what is read, not to the file.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError, LimitExceededError
 */
export async function open(file: HostFile, chain: OpenedChain): Promise<OpenedImage> {
  const header = await readCurrentHeader(file);
  const source = await replayed(file, header);
  const { bat, metadata: region } = await readRegions(source);
  const metadata = await readMetadata(source, region);
  const budget = chain.depth === 0 ? TOP_METADATA_BYTES : BACKING_METADATA_BYTES;
  const cache = new MetadataCache(source, PAGE, budget);
  const map = new BlockMap(cache, new Layout(metadata, bat, cache).block);
  const backing = metadata.hasParent ? await openParent(metadata, chain) : undefined;
  const info = describe(metadata, header, source !== file, chain.backingPath);
  return new MappedImage(source, info, map, { sectorSize: metadata.logicalSectorSize, backing });
}

async function replayed(file: HostFile, header: Header): Promise<HostFile> {
  if (header.logGuid === L.ZERO_GUID) return file;
  const offset = toSafeInteger(header.logOffset, 'vhdx.header.LogOffset');
  const { patches, fileSize } = await readLog(file, { offset, length: header.logLength, guid: header.logGuid });
  return new PatchedFile(file, patches, fileSize);
}

/** [MS-VHDX] 2.5: after the entries of each chunk of blocks comes one of its sector bitmap. */
class Layout {
  readonly block: BlockLayout;
  readonly #cache: MetadataCache;
  readonly #sectorSize: number;
  readonly #blockSize: number;
  readonly #chunkBlocks: number;
  readonly #batOffset: number;

  constructor(m: DiskMetadata, bat: Region, cache: MetadataCache) {
    this.#cache = cache;
    this.#sectorSize = m.logicalSectorSize;
    this.#blockSize = m.blockSize;
    this.#chunkBlocks = (L.CHUNK_SECTORS * m.logicalSectorSize) / m.blockSize;
    this.#batOffset = bat.offset;
    const blocks = Math.ceil(m.size / m.blockSize);
    const chunks = Math.ceil(blocks / this.#chunkBlocks);
    const entries = m.hasParent
      ? chunks * (this.#chunkBlocks + 1)
      : blocks + Math.max(0, Math.floor((blocks - 1) / this.#chunkBlocks));
    if (entries * L.BAT_ENTRY > bat.length) {
      const found = { expected: `at least ${entries * L.BAT_ENTRY}`, found: bat.length };
      throw new CorruptImageError({ structure: 'vhdx.regionEntry', field: 'Length', ...found });
    }
    this.block = {
      structure: 'vhdx BAT',
      blockBytes: m.blockSize,
      tableOffset: bat.offset,
      entryBytes: L.BAT_ENTRY,
      entries,
      rowBlocks: this.#chunkBlocks,
      entryOf: (block) => block + Math.floor(block / this.#chunkBlocks),
      block: (view, at) => this.#payload(view, at, m.hasParent),
      partial: (block, position, within, limit) => this.#partial(block, position, within, limit),
    };
  }

  /** 2.5.1.1. What was unmapped or never defined may read as anything; zeros tell nobody's secrets. */
  #payload(view: DataView, at: number, hasParent: boolean): Block {
    const state = view.getUint32(at, true) & L.STATE_MASK;
    switch (state) {
      case L.PAYLOAD.notPresent:
        return { kind: hasParent ? 'absent' : 'hole', position: 0 };
      case L.PAYLOAD.undefined:
      case L.PAYLOAD.unmapped:
        return { kind: 'hole', position: 0 };
      case L.PAYLOAD.zero:
        return { kind: 'zero', position: 0 };
      case L.PAYLOAD.present:
        return { kind: 'stored', position: this.#position(view, at) };
      case L.PAYLOAD.partial:
        if (hasParent) return { kind: 'partial', position: this.#position(view, at) };
        throw corruptState('a state of a disk without parent', state);
      default:
        throw corruptState('a payload block state', state);
    }
  }

  #position(view: DataView, at: number): number {
    const megabytes = view.getUint32(at + 4, true) * 4096 + (view.getUint32(at, true) >>> 20);
    const position = megabytes * L.MiB;
    if (megabytes === 0 || position >= this.#cache.file.size) {
      const details = { offset: position, needed: this.#blockSize, available: 0 };
      throw new TruncatedImageError({ structure: 'vhdx payload block', ...details });
    }
    return position;
  }

  /** 2.4: a set bit says that the sector is in this file, the lowest bit of a byte being the first. */
  async #partial(block: number, position: number, within: number, limit: number): Promise<Run> {
    const chunk = Math.floor(block / this.#chunkBlocks);
    const entry = this.#batOffset + ((chunk + 1) * (this.#chunkBlocks + 1) - 1) * L.BAT_ENTRY;
    const batPage = await this.#cache.page(entry);
    const batAt = this.#cache.within(batPage, entry, L.BAT_ENTRY, 'vhdx BAT');
    const state = batPage.view.getUint32(batAt, true) & L.STATE_MASK;
    if (state !== L.BITMAP_PRESENT) throw corruptState('a sector bitmap for a partly present block', state);
    const sector =
      ((block % this.#chunkBlocks) * this.#blockSize + (within - (within % this.#sectorSize))) / this.#sectorSize;
    const start = this.#position(batPage.view, batAt) + Math.floor(sector / 8);
    const page = await this.#cache.page(start);
    const at = this.#cache.within(page, start, 1, 'vhdx sector bitmap');
    const most = Math.min((page.valid - at) * 8 - (sector & 7), Math.ceil(limit / this.#sectorSize) + 1);
    const run = bitRun(page.data.subarray(at, page.valid), sector & 7, most, false);
    const length = Math.min(limit, run.length * this.#sectorSize - (within % this.#sectorSize));
    if (!run.set) return { kind: 'absent', length };
    return { kind: 'stored', length, file: this.#cache.file, position: position + within };
  }
}

/** 2.6.2.6.3: names of the parent, best first. Folders of the host that made the image mean nothing here. */
function namesOf({ parent }: DiskMetadata): string[] {
  const unix = (key: string): string => (parent.get(key) ?? '').replaceAll('\\', '/');
  return [
    unix('relative_path'),
    ...['volume_path', 'absolute_win32_path', 'relative_path'].map((key) => unix(key).split('/').at(-1) ?? ''),
  ].filter((name) => name !== '');
}

/** Names of the parent as above; none where there is no parent. */
export async function parentNames(file: HostFile): Promise<readonly string[]> {
  const source = await replayed(file, await readCurrentHeader(file));
  return namesOf(await readMetadata(source, (await readRegions(source)).metadata));
}

async function openParent(metadata: DiskMetadata, chain: OpenedChain): Promise<DiskImage> {
  const name = await chain.firstExisting(namesOf(metadata));
  if (name === undefined) {
    throw new CorruptImageError({
      structure: 'vhdx.parentLocator',
      reason: 'a differencing disk without a parent name',
    });
  }
  const parent = await chain.openBacking(name);
  const linkage = ['parent_linkage', 'parent_linkage2'].map((key) => bareGuid(metadata.parent.get(key)));
  if (!linkage.includes(String(parent.info.details['data-write-guid']))) {
    chain.warn(`the parent ${name} has changed since this disk was made on it (data write GUID differs)`);
  }
  return parent;
}

function bareGuid(text: string | undefined): string {
  return (text ?? '').replace(/[{}]/g, '').toLowerCase();
}

function describe(m: DiskMetadata, header: Header, replay: boolean, backingFile: string | undefined): ImageInfo {
  const details = {
    subformat: m.hasParent ? 'differencing' : m.fixed ? 'fixed' : 'dynamic',
    'cluster-size': m.blockSize,
    'logical-sector-size': m.logicalSectorSize,
    'data-write-guid': header.dataWriteGuid,
    'log-replayed': replay,
  };
  return { format: 'vhdx', virtualSize: m.size, details, ...(backingFile === undefined ? {} : { backingFile }) };
}

function corruptState(expected: string, found: number): CorruptImageError {
  return new CorruptImageError({ structure: 'vhdx BAT', field: 'State', expected, found, citation: '[MS-VHDX] 2.5.1' });
}
