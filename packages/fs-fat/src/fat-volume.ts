import { viewOf } from '@vmcraft/core/binary';
import type { BlockDevice, FsOpenOptions } from '@vmcraft/core/contracts';
import { AllocationTable } from './allocation-table.js';
import { type FatGeometry, readGeometry, readIdentity } from './bpb.js';
import type { FixedRoot } from './directory.js';
import {
  ExtendedBpb16,
  ExtendedBpb32,
  ExtFlag,
  FIRST_CLUSTER,
  FSINFO_UNKNOWN,
  FsInfo,
  Signature,
  STATE_DIRTY,
} from './layout.js';
import { MetadataCache, type Write } from './metadata-cache.js';
import { SpaceMap } from './space-map.js';
import { Volume, type VolumeLimits, type VolumeMarks } from './volume.js';

const BOOT_BYTES = 512;
/** Bits of table entry 1 that say how the volume was left. Microsoft FAT specification 1.03 §4.2. */
const CLEAN_BITS = { fat12: 0, fat16: 0x8000, fat32: 0x08000000 } as const;
const ERROR_BITS = { fat12: 0, fat16: 0x4000, fat32: 0x04000000 } as const;

/** An opened FAT volume and what its boot sector says. */
export interface FatVolume {
  readonly volume: Volume;
  readonly geometry: FatGeometry;
  readonly marks: FatMarks;
  readonly fixedRoot: FixedRoot | undefined;
}

/** The dirty marks and the FSInfo sector; written through the cache, which may hold the sector that entry 1 of the table lies in. */
export class FatMarks implements VolumeMarks {
  readonly #cache: MetadataCache;
  readonly #geometry: FatGeometry;
  readonly #tables: readonly number[];
  /** The volume was dirty before we came; only a check may call it clean. */
  readonly wasDirty: boolean;

  constructor(cache: MetadataCache, geometry: FatGeometry, tables: readonly number[], wasDirty: boolean) {
    this.#cache = cache;
    this.#geometry = geometry;
    this.#tables = tables;
    this.wasDirty = wasDirty;
  }

  async setDirty(): Promise<void> {
    await this.#mark(true);
  }

  async setClean(volume: Volume): Promise<void> {
    await this.#updateFsInfo(volume);
    if (!this.wasDirty) await this.#mark(false);
  }

  async #mark(dirty: boolean): Promise<void> {
    const { kind } = this.#geometry;
    const at = (kind === 'fat32' ? ExtendedBpb32 : ExtendedBpb16).offsetOf('state');
    const state = (await this.#cache.device.read(at, 1))[0]!;
    await this.#cache.writeThrough(at, Uint8Array.of(dirty ? state | STATE_DIRTY : state & ~STATE_DIRTY));
    if (kind === 'fat12') return;
    const size = kind === 'fat16' ? 2 : 4;
    for (const table of this.#tables) {
      const entry = (await this.#cache.device.read(table + size, size)).slice();
      const view = viewOf(entry);
      const bits = CLEAN_BITS[kind];
      const value = kind === 'fat16' ? view.getUint16(0, true) : view.getUint32(0, true);
      const next = (dirty ? value & ~bits : value | bits) >>> 0;
      if (kind === 'fat16') view.setUint16(0, next, true);
      else view.setUint32(0, next, true);
      await this.#cache.writeThrough(table + size, entry);
    }
  }

  async #updateFsInfo(volume: Volume): Promise<void> {
    const { fsInfoSector, sectorSize } = this.#geometry;
    if (fsInfoSector === 0) return;
    const at = fsInfoSector * sectorSize;
    const sector = (await this.#cache.device.read(at, FsInfo.size)).slice();
    if (!isFsInfo(sector)) return;
    FsInfo.encodeInto({ freeCount: await volume.countFree(), nextFree: volume.space.cursor }, sector);
    await this.#cache.writeThrough(at, sector);
  }
}

function isFsInfo(sector: Uint8Array): boolean {
  const info = FsInfo.decode(sector);
  return info.leadSignature === Signature.fsInfoLead && info.structSignature === Signature.fsInfoStruct;
}

/** FSInfo's hint on where free space starts. */
async function nextFree(device: BlockDevice, geometry: FatGeometry): Promise<number | undefined> {
  const at = geometry.fsInfoSector * geometry.sectorSize;
  if (geometry.fsInfoSector === 0 || at + FsInfo.size > device.size) return undefined;
  const sector = await device.read(at, FsInfo.size);
  const hint = FsInfo.decode(sector).nextFree;
  return isFsInfo(sector) && hint !== FSINFO_UNKNOWN ? hint : undefined;
}

/** Device offset of the table in use, and of all tables that are to be the same. */
export function tablesOf(geometry: FatGeometry): { active: number; all: number[] } {
  const copies = Array.from({ length: geometry.fatCount }, (_, i) => geometry.fatOffset + i * geometry.fatSize);
  if ((geometry.extFlags & ExtFlag.noMirror) === 0) return { active: copies[0]!, all: copies };
  const active = copies[geometry.extFlags & ExtFlag.activeMask] ?? copies[0]!;
  return { active, all: [active] };
}

/** Where a written range belongs besides the active table. */
function mirrorsOf(geometry: FatGeometry): (offset: number, data: Uint8Array) => Write[] {
  const { active, all } = tablesOf(geometry);
  return (offset, data) => {
    const from = Math.max(offset, active);
    const to = Math.min(offset + data.length, active + geometry.fatSize);
    if (from >= to) return [];
    const part = data.subarray(from - offset, to - offset);
    return all.filter((table) => table !== active).map((table) => ({ offset: from - active + table, data: part }));
  };
}

/**
 * Open the volume on a device.
 * @throws CorruptImageError, TruncatedImageError
 */
export async function openFatVolume(
  device: BlockDevice,
  limits: VolumeLimits,
  options: FsOpenOptions,
): Promise<FatVolume> {
  const boot = await device.read(0, BOOT_BYTES);
  const geometry = readGeometry(boot);
  const { kind, clusterCount, clusterSize, heapOffset } = geometry;
  const cache = new MetadataCache(device);
  cache.mirrors = mirrorsOf(geometry);
  const { active, all } = tablesOf(geometry);
  const table = new AllocationTable(cache, kind, active, clusterCount);
  // A volume cut off by its device keeps its numbers, but nothing new goes where there is nothing.
  const present = Math.max(0, Math.min(clusterCount, Math.floor((device.size - heapOffset) / clusterSize)));
  if (present < clusterCount) {
    options.warn?.({
      source: 'fs-fat',
      message: `the volume has ${clusterCount} clusters, the device ends after ${present}`,
    });
  }
  const source = { load: (first: number, count: number) => table.usage(first, count), record: async () => {} };
  const marks = new FatMarks(cache, geometry, all, await isDirty(boot, kind, table));
  if (marks.wasDirty) options.warn?.({ source: 'fs-fat', message: 'the volume was not cleanly unmounted' });
  const hint = await nextFree(device, geometry);
  const volume = new Volume({
    geometry: { kind, clusterSize, clusterCount, heapOffset },
    cache,
    table,
    space: new SpaceMap(source, present, hint ?? FIRST_CLUSTER),
    limits,
    marks,
    warn: options.warn,
  });
  return { volume, geometry, marks, fixedRoot: geometry.fixedRoot };
}

/** Whether the marks say that the volume was left in the middle of something. */
async function isDirty(boot: Uint8Array, kind: FatGeometry['kind'], table: AllocationTable): Promise<boolean> {
  if ((readIdentity(boot, kind).state & STATE_DIRTY) !== 0) return true;
  if (kind === 'fat12') return false;
  const entry = await table.get(1);
  const wanted = CLEAN_BITS[kind] | ERROR_BITS[kind];
  // Some formatters leave entry 1 empty; that says nothing.
  return entry !== 0 && (entry & wanted) !== wanted;
}
