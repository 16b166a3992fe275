import { CorruptImageError, type HostFile, toSafeInteger, UnsupportedFeatureError } from '@vmcraft/core';
import { MetadataCache } from '../page-cache.js';
import type { Run } from '../run.js';
import type { Extent } from './extent.js';
import { type Grain, type GrainLayout, GrainMap } from './grain-map.js';
import * as L from './layout.js';

const PAGE = 65536;
const ENTRY = 8;
const HIGH_UNIT = 0x100000000;

/** A space-efficient sparse extent of ESXi 6.5 and later. */
export class SeSparseExtent implements Extent {
  readonly size: number;
  readonly grainBytes: number;
  readonly #map: GrainMap;

  private constructor(file: HostFile, size: number, layout: GrainLayout, cacheBytes: number) {
    this.size = size;
    this.grainBytes = layout.grainBytes;
    this.#map = new GrainMap(new MetadataCache(file, PAGE, cacheBytes), layout, () => {
      throw new CorruptImageError({ structure: 'vmdk.seSparse', reason: 'no compressed grains exist' });
    });
  }

  /** @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError */
  static async open(file: HostFile, cacheBytes: number): Promise<SeSparseExtent> {
    const header = L.SeSparseHeader.decode(await file.read(0, L.SeSparseHeader.size));
    if (header.magic !== L.SE_MAGIC) throw corrupt('magic', L.SE_MAGIC, header.magic);
    if (header.version !== L.SE_VERSION) {
      throw new UnsupportedFeatureError({
        feature: `seSparse version ${header.version.toString(16)}`,
        structure: 'vmdk',
      });
    }
    if (header.grainSize !== L.SE_GRAIN_SECTORS) throw corrupt('grainSize', L.SE_GRAIN_SECTORS, header.grainSize);
    if (header.grainTableSize !== L.SE_TABLE_SECTORS) {
      throw corrupt('grainTableSize', L.SE_TABLE_SECTORS, header.grainTableSize);
    }
    await checkVolatile(file, bytesOf(header.volatileHeaderOffset, 'volatileHeaderOffset'));
    const size = bytesOf(header.capacity, 'capacity');
    return new SeSparseExtent(file, size, layoutOf(header, size), cacheBytes);
  }

  runAt(offset: number, limit: number): Run | Promise<Run> {
    return this.#map.runAt(offset, limit);
  }
}

async function checkVolatile(file: HostFile, offset: number): Promise<void> {
  const header = L.SeSparseVolatile.decode(await file.read(offset, L.SeSparseVolatile.size), 0, offset);
  if (header.magic !== L.SE_VOLATILE_MAGIC) throw corrupt('volatileHeader.magic', L.SE_VOLATILE_MAGIC, header.magic);
  if (header.replayJournal !== 0n) {
    throw new UnsupportedFeatureError({ feature: 'journal to be replayed', structure: 'vmdk seSparse' });
  }
}

function layoutOf(header: ReturnType<typeof L.SeSparseHeader.decode>, size: number): GrainLayout {
  const grainBytes = bytesOf(header.grainSize, 'grainSize');
  const tableBytes = bytesOf(header.grainTableSize, 'grainTableSize');
  const tables = bytesOf(header.grainTablesOffset, 'grainTablesOffset');
  const tableCount = Math.floor(bytesOf(header.grainTablesSize, 'grainTablesSize') / tableBytes);
  const grains = bytesOf(header.grainsOffset, 'grainsOffset');
  const entriesPerTable = tableBytes / ENTRY;
  const directoryEntries = Math.ceil(size / (grainBytes * entriesPerTable));
  if (directoryEntries * ENTRY > bytesOf(header.grainDirSize, 'grainDirSize')) {
    throw corrupt('grainDirSize', `at least ${directoryEntries} entries`, header.grainDirSize);
  }
  return {
    grainBytes,
    entryBytes: ENTRY,
    entriesPerTable,
    directoryOffset: bytesOf(header.grainDirOffset, 'grainDirOffset'),
    directoryEntries,
    tableOffset: (view, at) => {
      const index = view.getUint32(at, true);
      const state = view.getUint32(at + 4, true);
      if (index === 0 && state === 0) return 0;
      if (state !== L.SE_GDE_ALLOCATED || index >= tableCount)
        throw corrupt('grainDirectory', 'an allocated table', state);
      return tables + index * tableBytes;
    },
    grain: (view, at) => seGrain(view, at, grains, grainBytes),
  };
}

/** Bits 0 to 47 are the upper, bits 48 to 59 the lower twelve bits of the grain's index. */
function seGrain(view: DataView, at: number, grains: number, grainBytes: number): Grain {
  const low = view.getUint32(at, true);
  const high = view.getUint32(at + 4, true);
  switch (high >>> 28) {
    case L.SE_GTE.absent:
      if (low !== 0 || high !== 0) throw corrupt('grainTable', 0, high);
      return { kind: 'absent', position: 0 };
    case L.SE_GTE.unmapped:
    case L.SE_GTE.zero:
      return { kind: 'zero', position: 0 };
    case L.SE_GTE.allocated: {
      const upper = (high & 0xffff) * HIGH_UNIT + low;
      const index = upper * 4096 + ((high >>> 16) & 0xfff);
      return { kind: 'stored', position: grains + index * grainBytes };
    }
    default:
      throw corrupt('grainTable', 'a grain type of 0 to 3', high >>> 28);
  }
}

function bytesOf(sectors: bigint, field: string): number {
  return toSafeInteger(sectors * BigInt(L.SECTOR), `vmdk.seSparse.${field}`);
}

function corrupt(field: string, expected: unknown, found: unknown): CorruptImageError {
  return new CorruptImageError({ structure: 'vmdk.seSparse', field, expected, found });
}
