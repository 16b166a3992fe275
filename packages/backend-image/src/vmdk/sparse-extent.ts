import {
  CorruptImageError,
  type HostFile,
  isPowerOfTwo,
  LimitExceededError,
  TruncatedImageError,
  toSafeInteger,
  UnsupportedFeatureError,
} from '@vmcraft/core';
import { MAX_PACKED_UNIT } from '../limits.js';
import { MetadataCache } from '../page-cache.js';
import type { Run } from '../run.js';
import { unpackUnit } from '../unpack.js';
import { UnpackedCache } from '../unpacked-cache.js';
import type { Extent } from './extent.js';
import { type Grain, type GrainLayout, GrainMap } from './grain-map.js';
import * as L from './layout.js';

/** Pages of tables, bytes. */
const PAGE = 65536;

/** What is common to extents whose tables have 32-bit sector numbers. */
interface SparseGeometry {
  readonly capacity: number;
  readonly grainBytes: number;
  readonly entriesPerTable: number;
  readonly directoryOffset: number;
  readonly directoryEntries: number;
  readonly zeroedGrains: boolean;
  readonly compressed: boolean;
  readonly markers: boolean;
}

/** A hosted sparse, stream-optimized or COWD extent. */
export class SparseExtent implements Extent {
  readonly size: number;
  readonly grainBytes: number;
  readonly #map: GrainMap;
  readonly #file: HostFile;
  readonly #geometry: SparseGeometry;
  readonly #unpacked: UnpackedCache;

  constructor(file: HostFile, geometry: SparseGeometry, cacheBytes: number) {
    this.#file = file;
    this.#geometry = geometry;
    this.size = geometry.capacity;
    this.grainBytes = geometry.grainBytes;
    this.#unpacked = new UnpackedCache(geometry.grainBytes);
    const cache = new MetadataCache(file, PAGE, cacheBytes);
    this.#map = new GrainMap(cache, layoutOf(geometry), (position) => this.#unpack(position));
  }

  get compressed(): boolean {
    return this.#geometry.compressed;
  }

  runAt(offset: number, limit: number): Run | Promise<Run> {
    return this.#map.runAt(offset, limit);
  }

  #unpack(position: number): Promise<Uint8Array> {
    return this.#unpacked.get(position, async () => {
      const { grainBytes, markers } = this.#geometry;
      // Compressed data is at most a little longer than the grain; the first read takes marker and data.
      const most = 2 * grainBytes;
      const data = await this.#file.read(position, L.GrainMarker.size + most);
      if (!markers) return unpackUnit('zlib', data, grainBytes, position);
      const marker = L.GrainMarker.decode(data, 0, position);
      if (marker.size === 0 || marker.size > most) {
        const found = { expected: `1 to ${most}`, found: marker.size };
        throw new CorruptImageError({ structure: 'vmdk.GrainMarker', field: 'size', offset: position, ...found });
      }
      const packed = data.subarray(L.GrainMarker.size, L.GrainMarker.size + marker.size);
      if (packed.length < marker.size) {
        const details = { offset: position, needed: marker.size, available: packed.length };
        throw new TruncatedImageError({ structure: 'vmdk grain', ...details });
      }
      // The last grain of a disk may hold less than a grain.
      const short = Number(marker.lba) * L.SECTOR + grainBytes > this.size;
      return unpackUnit('zlib', packed, grainBytes, position, short);
    });
  }
}

function layoutOf(g: SparseGeometry): GrainLayout {
  const absent: Grain = { kind: 'absent', position: 0 };
  const zero: Grain = { kind: 'zero', position: 0 };
  const kind = g.compressed ? 'packed' : 'stored';
  return {
    ...g,
    entryBytes: 4,
    tableOffset: (view, at) => view.getUint32(at, true) * L.SECTOR,
    grain: (view, at) => {
      const sector = view.getUint32(at, true);
      if (sector === 0) return absent;
      if (g.zeroedGrains && sector === L.GTE_ZEROED) return zero;
      return { kind, position: sector * L.SECTOR };
    },
  };
}

/** A hosted sparse extent and its header. */
export interface OpenedSparse {
  readonly extent: SparseExtent;
  /** Where an embedded descriptor lies, bytes; length 0 when there is none. */
  readonly descriptor: { readonly offset: number; readonly length: number };
}

/**
 * Open a hosted sparse or stream-optimized extent.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError, LimitExceededError
 */
export async function openSparse(file: HostFile, cacheBytes: number): Promise<OpenedSparse> {
  const start = L.SparseExtentHeader.decode(await file.read(0, L.SparseExtentHeader.size));
  if (start.magicNumber !== L.SPARSE_MAGIC) throw corrupt('magicNumber', L.SPARSE_MAGIC, start.magicNumber);
  const header = start.gdOffset === L.GD_AT_END ? await readFooter(file) : start;
  checkHeader(header);
  const capacity = toSafeInteger(header.capacity, 'vmdk.SparseExtentHeader.capacity') * L.SECTOR;
  const grainBytes = Number(header.grainSize) * L.SECTOR;
  const compressed = (header.flags & L.SPARSE_FLAG.compressed) !== 0 && header.compressAlgorithm !== 0;
  if (compressed && grainBytes > MAX_PACKED_UNIT) {
    throw new LimitExceededError({ limit: 'bytes of a compressed grain', value: grainBytes, max: MAX_PACKED_UNIT });
  }
  const geometry: SparseGeometry = {
    capacity,
    grainBytes,
    entriesPerTable: header.numGTEsPerGT,
    directoryOffset: toSafeInteger(header.gdOffset, 'vmdk.SparseExtentHeader.gdOffset') * L.SECTOR,
    directoryEntries: Math.ceil(capacity / (grainBytes * header.numGTEsPerGT)),
    zeroedGrains: (header.flags & L.SPARSE_FLAG.zeroedGrain) !== 0,
    compressed,
    markers: (header.flags & L.SPARSE_FLAG.markers) !== 0,
  };
  const offset = toSafeInteger(start.descriptorOffset, 'vmdk.SparseExtentHeader.descriptorOffset') * L.SECTOR;
  const length = toSafeInteger(start.descriptorSize, 'vmdk.SparseExtentHeader.descriptorSize') * L.SECTOR;
  if (length > L.MAX_DESCRIPTOR) {
    throw new LimitExceededError({ limit: 'bytes of a VMDK descriptor', value: length, max: L.MAX_DESCRIPTOR });
  }
  const extent = new SparseExtent(file, geometry, cacheBytes);
  return { extent, descriptor: { offset, length: offset === 0 ? 0 : length } };
}

type Header = ReturnType<typeof L.SparseExtentHeader.decode>;

async function readFooter(file: HostFile): Promise<Header> {
  const offset = file.size - L.FOOTER_FROM_END;
  if (offset < L.SparseExtentHeader.size) {
    const details = { offset: 0, needed: L.SparseExtentHeader.size + L.FOOTER_FROM_END, available: file.size };
    throw new TruncatedImageError({ structure: 'vmdk stream-optimized extent', ...details });
  }
  const footer = L.SparseExtentHeader.decode(await file.read(offset, L.SparseExtentHeader.size), 0, offset);
  if (footer.magicNumber !== L.SPARSE_MAGIC || footer.gdOffset === L.GD_AT_END) {
    const reason = 'no footer before the end of the file; it is probably cut short';
    throw new CorruptImageError({ structure: 'vmdk footer', offset, reason });
  }
  return footer;
}

function checkHeader(h: Header): void {
  if (h.version < 1 || h.version > 3) {
    throw new UnsupportedFeatureError({ feature: `sparse extent version ${h.version}`, structure: 'vmdk' });
  }
  if (h.grainSize < 1n || h.grainSize > BigInt(L.MAX_GRAIN_SECTORS) || !isPowerOfTwo(Number(h.grainSize))) {
    throw corrupt('grainSize', `a power of two up to ${L.MAX_GRAIN_SECTORS}`, h.grainSize);
  }
  if (h.numGTEsPerGT < 1 || h.numGTEsPerGT > L.MAX_GTES) {
    throw corrupt('numGTEsPerGT', `1 to ${L.MAX_GTES}`, h.numGTEsPerGT);
  }
  if (h.compressAlgorithm > L.COMPRESS_DEFLATE) {
    throw new UnsupportedFeatureError({ feature: `compression algorithm ${h.compressAlgorithm}`, structure: 'vmdk' });
  }
  const characters = [h.singleEndLineChar, h.nonEndLineChar, h.doubleEndLineChar1, h.doubleEndLineChar2];
  const mangled = characters.some((c, i) => c !== L.NEWLINE_TEST[i]);
  if ((h.flags & L.SPARSE_FLAG.newlineTest) !== 0 && mangled) {
    const reason = 'line ends were converted: the file was transferred as text';
    throw new CorruptImageError({ structure: 'vmdk.SparseExtentHeader', field: 'singleEndLineChar', reason });
  }
}

/** Open a COWD extent ("ESXi Host Sparse Extents"). */
export async function openCowd(file: HostFile, cacheBytes: number): Promise<SparseExtent> {
  const header = L.CowdHeader.decode(await file.read(0, L.CowdHeader.size));
  if (header.magicNumber !== L.COWD_MAGIC) throw corrupt('magicNumber', L.COWD_MAGIC, header.magicNumber);
  if (header.version !== 1) {
    throw new UnsupportedFeatureError({ feature: `COWD version ${header.version}`, structure: 'vmdk' });
  }
  if (header.grainSize < 1 || header.grainSize > L.MAX_GRAIN_SECTORS) {
    throw corrupt('grainSize', `1 to ${L.MAX_GRAIN_SECTORS}`, header.grainSize);
  }
  const capacity = header.numSectors * L.SECTOR;
  const grainBytes = header.grainSize * L.SECTOR;
  const needed = Math.ceil(capacity / (grainBytes * L.COWD_GTES));
  if (header.numGDEntries < needed) throw corrupt('numGDEntries', `at least ${needed}`, header.numGDEntries);
  const geometry = {
    capacity,
    grainBytes,
    entriesPerTable: L.COWD_GTES,
    directoryOffset: header.gdOffset * L.SECTOR,
    directoryEntries: needed,
    zeroedGrains: false,
    compressed: false,
    markers: false,
  };
  return new SparseExtent(file, geometry, cacheBytes);
}

function corrupt(field: string, expected: unknown, found: unknown): CorruptImageError {
  const citation = 'Virtual Disk Format 5.0';
  return new CorruptImageError({ structure: 'vmdk.SparseExtentHeader', field, offset: 0, expected, found, citation });
}
