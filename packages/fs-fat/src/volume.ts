import type { BlockDevice, Warning, WarningSink } from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { type AllocationTable, END_OF_CHAIN, FREE, type TableKind } from './allocation-table.js';
import { FIRST_CLUSTER } from './layout.js';
import type { MetadataCache } from './metadata-cache.js';
import type { ClusterRun, SpaceMap } from './space-map.js';

/** Parts of a volume that FAT and exFAT keep in different places. */
export interface VolumeMarks {
  /** Mark the volume as being written, on the device, before anything else is. */
  setDirty(): Promise<void>;
  /** Everything is on the device: update the counts that the format keeps, then take the mark away. */
  setClean(volume: Volume): Promise<void>;
}

/** Geometry of an opened volume. Offsets and sizes are bytes. */
export interface VolumeGeometry {
  readonly kind: TableKind;
  readonly clusterSize: number;
  /** Clusters that the volume says it has, numbered from 2. */
  readonly clusterCount: number;
  /** Where cluster 2 lies. */
  readonly heapOffset: number;
}

/** Bounds of one open volume. */
export interface VolumeLimits {
  readonly maxDirEntries: number;
  readonly maxExtents: number;
}

/** Dirty pages that lead to a flush before the next change. */
const MAX_DIRTY_PAGES = 1024;
/** Runs waiting to be freed that lead to a flush before the next change. */
const MAX_PENDING_RUNS = 16384;

/**
 * An opened volume: geometry, table, free space, and the order in which changes reach the device.
 *
 * Nothing but this order protects FAT: new chains are written before directories that point at them, and clusters are freed only
 * after the directories that let them go are written. A crash in between leaves clusters that belong to nobody, and nothing worse.
 */
export class Volume {
  readonly geometry: VolumeGeometry;
  readonly device: BlockDevice;
  readonly cache: MetadataCache;
  readonly table: AllocationTable;
  readonly space: SpaceMap;
  readonly limits: VolumeLimits;
  readonly #marks: VolumeMarks;
  readonly #warn: WarningSink | undefined;
  /** Ends of chains that have been cut in memory but not yet in the table. */
  readonly #cuts = new Set<number>();
  #frees: ClusterRun[] = [];
  #freeing = 0;
  #dirty = false;

  constructor(parts: {
    geometry: VolumeGeometry;
    cache: MetadataCache;
    table: AllocationTable;
    space: SpaceMap;
    limits: VolumeLimits;
    marks: VolumeMarks;
    warn: WarningSink | undefined;
  }) {
    this.geometry = parts.geometry;
    this.cache = parts.cache;
    this.device = parts.cache.device;
    this.table = parts.table;
    this.space = parts.space;
    this.limits = parts.limits;
    this.#marks = parts.marks;
    this.#warn = parts.warn;
  }

  /** Device offset of a cluster. */
  offsetOf(cluster: number): number {
    return this.geometry.heapOffset + (cluster - FIRST_CLUSTER) * this.geometry.clusterSize;
  }

  /** Whether a cluster number exists. */
  has(cluster: number): boolean {
    return cluster >= FIRST_CLUSTER && cluster < this.geometry.clusterCount + FIRST_CLUSTER;
  }

  /** Tell of a tolerated defect. */
  warn(message: string): void {
    const warning: Warning = { source: 'fs-fat', message };
    this.#warn?.(warning);
  }

  /** Whether changes have been made since the last {@link sync}. */
  get dirty(): boolean {
    return this.#dirty;
  }

  /** To be called before every change. */
  async beginChange(): Promise<void> {
    if (!this.#dirty) {
      this.#dirty = true;
      await this.#marks.setDirty();
    }
    if (this.cache.dirtyPages > MAX_DIRTY_PAGES || this.#frees.length > MAX_PENDING_RUNS) await this.#settle();
  }

  /** @throws FsError ENOSPC, with nothing taken */
  async allocate(count: number, goal: number | undefined, operation: string): Promise<ClusterRun[]> {
    let runs = await this.space.allocate(count, goal);
    if (runs === undefined && this.#frees.length > 0) {
      await this.#settle();
      runs = await this.space.allocate(count, goal);
    }
    if (runs === undefined) throw new FsError('ENOSPC', { operation });
    return runs;
  }

  /** Free clusters once the directories that let them go are on the device. */
  free(runs: readonly ClusterRun[]): void {
    for (const run of runs) {
      if (run.count === 0) continue;
      this.#frees.push(run);
      this.#freeing += run.count;
    }
  }

  /** End a chain at `cluster`, at the same moment as {@link free} takes effect. */
  cut(cluster: number): void {
    this.#cuts.add(cluster);
  }

  /** Whether a chain ends at `cluster` although the table does not say so yet. */
  isCut(cluster: number): boolean {
    return this.#cuts.has(cluster);
  }

  /** Make sure that the table may be changed at `cluster`. */
  async uncut(cluster: number): Promise<void> {
    if (this.#cuts.has(cluster)) await this.#settle();
  }

  /** Free clusters, counting those that are about to be. */
  async countFree(): Promise<number> {
    return (await this.space.countFree()) + this.#freeing;
  }

  /** Write what is held back, in the order that a crash cannot hurt. */
  async #settle(): Promise<void> {
    await this.cache.flush('table');
    await this.cache.flush('directory');
    const frees = this.#frees;
    this.#frees = [];
    this.#freeing = 0;
    for (const cluster of this.#cuts) await this.table.set(cluster, END_OF_CHAIN);
    this.#cuts.clear();
    for (const run of frees) {
      // exFAT's bitmap alone tells what is free; its table entries mean nothing then (exFAT specification §4.1).
      if (this.geometry.kind !== 'exfat') {
        for (let i = 0; i < run.count; i++) await this.table.set(run.cluster + i, FREE);
      }
      await this.space.release(run);
      if (this.cache.dirtyPages > MAX_DIRTY_PAGES) await this.cache.flush('table');
    }
    await this.cache.flush('table');
  }

  /** Write everything and mark the volume clean. */
  async sync(): Promise<void> {
    if (!this.#dirty) return;
    await this.#settle();
    await this.#marks.setClean(this);
    await this.cache.flush('table');
    this.#dirty = false;
    await this.device.flush();
  }
}
