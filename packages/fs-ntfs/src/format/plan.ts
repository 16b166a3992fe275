import { alignUp } from '@vmcraft/core/binary';
import { FsError } from '@vmcraft/core/errors';
import { RunList } from '../run-list.js';
import { BOOT_BYTES, FIRST_RECORDS, MFT_POSITION, MIN_RECORD, MIRRORED_RECORDS } from './layout-format.js';
import type { FormatRequest } from './request.js';

const MIB = 1024 * 1024;
/** Volumes from this size on have the largest log. */
const LARGE_VOLUME = 12 * 1024 * MIB;
const LARGE_LOG = 64 * MIB;
/** Up to this size the log has its usual size, above it a share of the volume. */
const MEDIUM_VOLUME = 200 * MIB;
const MEDIUM_LOG = 2 * MIB;
const LOG_SHARE = 200;
const SMALL_VOLUME = 4_000_000;
const SMALL_LOG = MIB / 2;
const TINY_VOLUME = 2 * MIB;
const TINY_LOG = MIB / 4;

/** Where the system files of a new volume lie, by name, and how large they are. */
export interface FormatPlan extends FormatRequest {
  readonly recordSize: number;
  /** Whole clusters of the volume. */
  readonly totalClusters: number;
  /** Bytes of $MFT, and of its bitmap. */
  readonly mftSize: number;
  readonly mftBitmapSize: number;
  readonly mirrorSize: number;
  readonly logSize: number;
  /** Bytes of $Bitmap. */
  readonly bitmapSize: number;
  readonly places: ReadonlyMap<PlaceName, RunList>;
}

/** What has clusters of its own. */
export type PlaceName =
  | 'boot'
  | 'mftBitmap'
  | 'mft'
  | 'mirror'
  | 'log'
  | 'rootDescriptor'
  | 'rootIndex'
  | 'attributeDefinitions'
  | 'bitmap'
  | 'descriptors'
  | 'upcase';

/** Sizes in bytes of what is put behind the zone kept for $MFT, in this order; 0 for what lies in its record. */
export type Loose = readonly (readonly [PlaceName, number])[];

/** Hands out clusters of an empty volume. */
class Space {
  private readonly used: { from: number; to: number }[] = [];

  constructor(
    readonly clusters: number,
    private readonly clusterSize: number,
  ) {}

  /** Take clusters at a fixed place. */
  fixed(lcn: number, bytes: number): RunList {
    const count = Math.ceil(bytes / this.clusterSize);
    if (lcn + count > this.clusters) throw full();
    this.used.push({ from: lcn, to: lcn + count });
    const list = new RunList();
    list.append(lcn, count);
    return list;
  }

  /** Take the first free clusters from `start` on, in several runs where they have to be. */
  take(start: number, bytes: number): RunList {
    let missing = Math.ceil(bytes / this.clusterSize);
    const list = new RunList();
    const runs: { from: number; to: number }[] = [];
    for (const [begin, end] of [
      [start, this.clusters],
      [0, start],
    ] as const) {
      let at = begin;
      for (const block of [...this.used, { from: end, to: end }].sort((a, b) => a.from - b.from)) {
        if (block.to <= at && block.from < end) continue;
        const count = Math.min(missing, Math.max(0, Math.min(block.from, end) - at));
        if (count > 0) runs.push({ from: at, to: at + count });
        missing -= count;
        at = Math.max(at, block.to);
        if (missing === 0 || at >= end) break;
      }
    }
    if (missing > 0) throw full();
    for (const { from, to } of runs) list.append(from, to - from);
    this.used.push(...runs);
    return list;
  }
}

function full(): FsError {
  return new FsError('ENOSPC', { operation: 'format', reason: 'the system files do not fit into the volume' });
}

function logSizeFor(volume: number, clusterSize: number, fits: (size: number) => boolean): number {
  if (volume > MEDIUM_VOLUME) {
    const share = volume >= LARGE_VOLUME ? LARGE_LOG : Math.floor(volume / LOG_SHARE);
    return Math.max(clusterSize, share - (share % clusterSize));
  }
  let size = volume < TINY_VOLUME ? TINY_LOG : volume < SMALL_VOLUME ? SMALL_LOG : MEDIUM_LOG;
  while (!fits(size) && size > TINY_LOG) size /= 2;
  return alignUp(size, clusterSize);
}

/**
 * Decide on sizes and places as mkntfs does.
 * @param loose contents that have no fixed place
 * @throws FsError ENOSPC when the volume is too small for its system files
 */
export function planVolume(request: FormatRequest, loose: (recordSize: number, clusters: number) => Loose): FormatPlan {
  const { clusterSize, sectorSize, totalSectors } = request;
  const totalClusters = Math.floor((totalSectors * sectorSize) / clusterSize);
  const recordSize = Math.max(MIN_RECORD, sectorSize);
  const mftSize = Math.max(FIRST_RECORDS * recordSize, clusterSize);
  const mftBitmapSize = alignUp(Math.ceil(mftSize / recordSize / 8), 8);
  const bootClusters = Math.ceil(BOOT_BYTES / clusterSize);
  const mftLcn = Math.max(Math.ceil(MFT_POSITION / clusterSize), bootClusters + 1);
  const mirrorLcn = Math.floor(totalClusters / 2);
  const mirrorSize = Math.max(MIRRORED_RECORDS * recordSize, clusterSize);
  const logLcn = mirrorLcn + Math.ceil(mirrorSize / clusterSize);
  const logSize = logSizeFor(
    totalClusters * clusterSize,
    clusterSize,
    (size) => logLcn + Math.ceil(size / clusterSize) < totalClusters,
  );
  const space = new Space(totalClusters, clusterSize);
  const places = new Map<PlaceName, RunList>([
    ['boot', space.fixed(0, BOOT_BYTES)],
    ['mftBitmap', space.fixed(bootClusters, mftBitmapSize)],
    ['mft', space.fixed(mftLcn, mftSize)],
    ['mirror', space.fixed(mirrorLcn, mirrorSize)],
    ['log', space.fixed(logLcn, logSize)],
  ]);
  const zoneEnd = mftLcn + Math.floor((totalClusters * request.zoneMultiplier) / 8);
  for (const [name, size] of loose(recordSize, totalClusters)) {
    if (size > 0) places.set(name, space.take(Math.min(zoneEnd, totalClusters), size));
  }
  const bitmapSize = alignUp(Math.ceil(totalClusters / 8), 8);
  return { ...request, recordSize, totalClusters, mftSize, mftBitmapSize, mirrorSize, logSize, bitmapSize, places };
}

/** The clusters of something that has some. */
export function placeOf(plan: FormatPlan, name: PlaceName): RunList {
  return plan.places.get(name) ?? new RunList();
}
