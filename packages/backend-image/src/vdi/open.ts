import {
  alignUp,
  CorruptImageError,
  type HostFile,
  type ImageInfo,
  isPowerOfTwo,
  TruncatedImageError,
  toSafeInteger,
  UnsupportedFeatureError,
} from '@vmcraft/core';
import { type Block, type BlockLayout, BlockMap } from '../block-map.js';
import type { OpenedChain, OpenedImage } from '../chain.js';
import { BACKING_METADATA_BYTES, TOP_METADATA_BYTES } from '../limits.js';
import { MappedImage } from '../mapped-image.js';
import { MetadataCache } from '../page-cache.js';
import * as L from './layout.js';

const PAGE = 65536;
const SECTOR = 512;

type Header = ReturnType<typeof L.VdiHeader.decode>;

/**
 * Open a VDI, dynamic or fixed.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError
 */
export async function open(file: HostFile, chain: OpenedChain): Promise<OpenedImage> {
  const header = L.VdiHeader.decode(await file.read(0, L.VdiHeader.size));
  checkHeader(header);
  const size = alignUp(toSafeInteger(header.diskSize, 'vdi.header.disk_size'), SECTOR);
  const needed = Math.ceil(size / header.blockSize);
  if (header.blocksInImage < needed) throw corrupt('blocks_in_image', `at least ${needed}`, header.blocksInImage);
  const budget = chain.depth === 0 ? TOP_METADATA_BYTES : BACKING_METADATA_BYTES;
  const map = new BlockMap(new MetadataCache(file, PAGE, budget), layoutOf(header, file));
  return new MappedImage(file, describe(header, size), map);
}

function checkHeader(h: Header): void {
  if (h.signature !== L.VDI_SIGNATURE) throw corrupt('signature', L.VDI_SIGNATURE, h.signature);
  if (h.version !== L.VDI_VERSION) {
    throw new UnsupportedFeatureError({
      feature: `version ${h.version >>> 16}.${h.version & 0xffff}`,
      structure: 'vdi',
    });
  }
  if (h.imageType !== L.VDI_DYNAMIC && h.imageType !== L.VDI_FIXED) {
    const feature = `${L.VDI_TYPES[h.imageType] ?? `type ${h.imageType}`} image`;
    const workaround = 'its parent is known by UUID only: merge it with VBoxManage clonemedium';
    throw new UnsupportedFeatureError({ feature, structure: 'vdi', workaround });
  }
  if (h.sectorSize !== SECTOR) {
    throw new UnsupportedFeatureError({ feature: `sectors of ${h.sectorSize} bytes`, structure: 'vdi' });
  }
  if (h.blockSize < L.MIN_BLOCK || h.blockSize > L.MAX_BLOCK || !isPowerOfTwo(h.blockSize)) {
    throw corrupt('block_size', `a power of two, ${L.MIN_BLOCK} to ${L.MAX_BLOCK}`, h.blockSize);
  }
  if (h.blockExtra !== 0) {
    throw new UnsupportedFeatureError({ feature: 'data before each block', structure: 'vdi' });
  }
  if (h.offsetData % SECTOR !== 0) throw corrupt('offset_data', 'a multiple of 512', h.offsetData);
  if (h.offsetBlocks % SECTOR !== 0) throw corrupt('offset_bmap', 'a multiple of 512', h.offsetBlocks);
}

function layoutOf(h: Header, file: HostFile): BlockLayout {
  const hole: Block = { kind: 'hole', position: 0 };
  const zero: Block = { kind: 'zero', position: 0 };
  return {
    structure: 'vdi block map',
    blockBytes: h.blockSize,
    tableOffset: h.offsetBlocks,
    entryBytes: L.ENTRY_BYTES,
    entries: h.blocksInImage,
    rowBlocks: Number.POSITIVE_INFINITY,
    entryOf: (block) => block,
    block: (view, at) => {
      const entry = view.getUint32(at, true);
      if (entry === L.BLOCK_FREE) return hole;
      if (entry === L.BLOCK_ZERO) return zero;
      const position = h.offsetData + entry * h.blockSize;
      if (position >= file.size) {
        const details = { offset: position, needed: h.blockSize, available: 0 };
        throw new TruncatedImageError({ structure: 'vdi block', ...details });
      }
      return { kind: 'stored', position };
    },
  };
}

function describe(h: Header, virtualSize: number): ImageInfo {
  const subformat = L.VDI_TYPES[h.imageType] ?? '';
  const details = { subformat, 'cluster-size': h.blockSize, 'blocks-allocated': h.blocksAllocated, uuid: h.uuidImage };
  return { format: 'vdi', virtualSize, details };
}

function corrupt(field: string, expected: unknown, found: unknown): CorruptImageError {
  return new CorruptImageError({ structure: 'vdi.header', field, offset: 0, expected, found });
}
