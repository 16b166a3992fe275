import { checkAligned, checkBitmap, hasHost, hostOffset, type L2Geometry } from './l2-entry.js';
import * as L from './layout.js';

/** What a stretch of an L2 table says, before files come in. */
export interface ClusterRun {
  readonly kind: 'stored' | 'zero' | 'absent' | 'packed';
  /** Bytes from the place asked for. */
  length: number;
  /** Host byte of the place asked for, for a stored run. */
  readonly host: number;
}

/**
 * The run at guest byte `within` of the cluster whose entry is at `at`, followed through neighbouring entries up to `end` (a position
 * in the view) or until it is `limit` bytes long.
 */
export function clusterRun(
  g: L2Geometry,
  view: DataView,
  at: number,
  end: number,
  within: number,
  limit: number,
): ClusterRun {
  if ((view.getUint32(at) & L.HIGH_COMPRESSED) !== 0) {
    return { kind: 'packed', length: Math.min(g.clusterSize - within, limit), host: 0 };
  }
  const run =
    g.subclusters > 1 ? extendedRun(g, view, at, end, within, limit) : standardRun(g, view, at, end, within, limit);
  run.length = Math.min(run.length, limit);
  return run;
}

const STORED = 0;
const ZERO = 1;
const ABSENT = 2;
const KINDS = ['stored', 'zero', 'absent'] as const;

function standardKind(g: L2Geometry, high: number, low: number, host: number): number {
  if (g.version >= 3 && (low & L.LOW_ZERO) !== 0) return ZERO;
  return hasHost(g, high, host) ? STORED : ABSENT;
}

/** The hot loop of sequential reads: one entry a cluster, no objects. */
function standardRun(
  g: L2Geometry,
  view: DataView,
  at: number,
  end: number,
  within: number,
  limit: number,
): ClusterRun {
  const high = view.getUint32(at);
  const low = view.getUint32(at + 4);
  const first = hostOffset(high, low);
  const kind = standardKind(g, high, low, first);
  if (kind === STORED) checkAligned(g, first);
  let length = g.clusterSize - within;
  let next = first + g.clusterSize;
  for (let p = at + L.ENTRY_BYTES; length < limit && p < end; p += L.ENTRY_BYTES) {
    const h = view.getUint32(p);
    if ((h & L.HIGH_COMPRESSED) !== 0) break;
    const l = view.getUint32(p + 4);
    const host = hostOffset(h, l);
    if (standardKind(g, h, l, host) !== kind || (kind === STORED && host !== next)) break;
    length += g.clusterSize;
    next += g.clusterSize;
  }
  return { kind: KINDS[kind] as ClusterRun['kind'], length, host: first + within };
}

function subclusterKind(stored: number, zero: number, index: number): number {
  const bit = 2 ** index;
  if ((stored & bit) !== 0) return STORED;
  return (zero & bit) !== 0 ? ZERO : ABSENT;
}

function extendedRun(
  g: L2Geometry,
  view: DataView,
  at: number,
  end: number,
  within: number,
  limit: number,
): ClusterRun {
  let length = 0;
  let kind = -1;
  let first = 0;
  let next = 0;
  for (let p = at; length < limit && p < end; p += L.EXTENDED_ENTRY_BYTES) {
    const high = view.getUint32(p);
    if ((high & L.HIGH_COMPRESSED) !== 0) break;
    const host = hostOffset(high, view.getUint32(p + 4));
    const zero = view.getUint32(p + 8);
    const stored = view.getUint32(p + 12);
    checkBitmap(stored, zero, hasHost(g, high, host));
    let from = p === at ? within : 0;
    if (kind < 0) {
      kind = subclusterKind(stored, zero, Math.floor(from / g.subclusterSize));
      first = host + from;
      next = host;
    }
    if (kind === STORED) {
      checkAligned(g, host);
      if (host !== next) break;
    }
    const start = from;
    while (from < g.clusterSize && subclusterKind(stored, zero, Math.floor(from / g.subclusterSize)) === kind) {
      from = (Math.floor(from / g.subclusterSize) + 1) * g.subclusterSize;
    }
    length += from - start;
    if (from < g.clusterSize) break;
    next += g.clusterSize;
  }
  return { kind: KINDS[kind] as ClusterRun['kind'], length, host: first };
}
