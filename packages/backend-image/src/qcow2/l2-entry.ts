import { CorruptImageError } from '@vmcraft/core';
import type { Header } from './header.js';
import * as L from './layout.js';

/** What decoding an L2 entry depends on. */
export interface L2Geometry {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly clusterSize: number;
  /** Bytes of one entry. */
  readonly entryBytes: number;
  /** Entries in one table. */
  readonly entries: number;
  /** Guest bytes of one table. */
  readonly coverage: number;
  /** Subclusters in a cluster: 32 with extended entries, else 1. */
  readonly subclusters: number;
  readonly subclusterSize: number;
  /** Guest clusters lie in a data file of their own. */
  readonly dataFile: boolean;
}

/** Geometry of an image. */
export function l2Geometry(h: Header): L2Geometry {
  const entryBytes = h.extendedL2 ? L.EXTENDED_ENTRY_BYTES : L.ENTRY_BYTES;
  const entries = h.clusterSize / entryBytes;
  const subclusters = h.extendedL2 ? L.SUBCLUSTERS : 1;
  return {
    version: h.version,
    clusterBits: h.clusterBits,
    clusterSize: h.clusterSize,
    entryBytes,
    entries,
    coverage: entries * h.clusterSize,
    subclusters,
    subclusterSize: h.clusterSize / subclusters,
    dataFile: (h.incompatible & L.INCOMPATIBLE.dataFile) !== 0n,
  };
}

/** A decoded L2 entry. */
export interface L2Entry {
  /** Host offset of the cluster in bytes, undefined when there is none. */
  readonly host: number | undefined;
  /** The cluster belongs to the active state alone and may be written in place. */
  readonly copied: boolean;
  /** Set when the cluster is compressed. */
  readonly packed: PackedPlace | undefined;
  /** Subclusters that are stored, as a bit set; bit 0 stands for the whole cluster without extended entries. */
  readonly stored: number;
  /** Subclusters that read as zeros. */
  readonly zero: number;
}

/** Where a compressed cluster lies. */
export interface PackedPlace {
  readonly offset: number;
  readonly length: number;
}

/** Host offset in a standard entry. */
export function hostOffset(high: number, low: number): number {
  return (high & L.HIGH_OFFSET) * L.HIGH_UNIT + ((low & L.LOW_OFFSET) >>> 0);
}

/** Whether a standard entry has a host cluster: offset 0 is one in a data file only. */
export function hasHost(g: L2Geometry, high: number, host: number): boolean {
  return host !== 0 || (g.dataFile && (high & L.HIGH_COPIED) !== 0);
}

/** @throws CorruptImageError when a host offset is not on a cluster boundary */
export function checkAligned(g: L2Geometry, host: number, structure = 'qcow2.l2Entry'): void {
  if (host % g.clusterSize !== 0) {
    throw new CorruptImageError({
      structure,
      field: 'offset',
      expected: `a multiple of ${g.clusterSize}`,
      found: host,
    });
  }
}

/** Place of a compressed cluster. Section "Compressed Clusters Descriptor". */
export function packedPlace(g: L2Geometry, high: number, low: number): PackedPlace {
  if (g.dataFile) {
    const reason = 'compressed cluster with an external data file';
    throw new CorruptImageError({ structure: 'qcow2.l2Entry', reason });
  }
  // x = 62 - (cluster_bits - 8) bits of offset; those above bit 31 lie in the high half.
  const highBits = 62 - (g.clusterBits - 8) - 32;
  const descriptor = high & ~(L.HIGH_COPIED | L.HIGH_COMPRESSED);
  const offset = (descriptor & (2 ** highBits - 1)) * L.HIGH_UNIT + low;
  const sectors = (descriptor >>> highBits) + 1;
  return { offset, length: sectors * L.PACKED_SECTOR - (offset % L.PACKED_SECTOR) };
}

/** Decode one entry at `at`. */
export function decodeEntry(g: L2Geometry, view: DataView, at: number): L2Entry {
  const high = view.getUint32(at);
  const low = view.getUint32(at + 4);
  if ((high & L.HIGH_COMPRESSED) !== 0) {
    return { host: undefined, copied: false, packed: packedPlace(g, high, low), stored: 0, zero: 0 };
  }
  const host = hostOffset(high, low);
  const there = hasHost(g, high, host);
  if (there) checkAligned(g, host);
  const copied = (high & L.HIGH_COPIED) !== 0;
  if (g.subclusters > 1) {
    const zero = view.getUint32(at + 8);
    const stored = view.getUint32(at + 12);
    checkBitmap(stored, zero, there);
    return { host: there ? host : undefined, copied, packed: undefined, stored, zero };
  }
  const zero = g.version >= 3 && (low & L.LOW_ZERO) !== 0 ? 1 : 0;
  return { host: there ? host : undefined, copied, packed: undefined, stored: there && zero === 0 ? 1 : 0, zero };
}

/** Section "Extended L2 Entries". @throws CorruptImageError */
export function checkBitmap(stored: number, zero: number, hasCluster: boolean): void {
  if ((stored & zero) !== 0) {
    throw new CorruptImageError({ structure: 'qcow2.l2Entry', reason: 'a subcluster is both allocated and zero' });
  }
  if (stored !== 0 && !hasCluster) {
    throw new CorruptImageError({ structure: 'qcow2.l2Entry', reason: 'subclusters are allocated without a cluster' });
  }
}

/** Encode an entry that is not compressed. */
export function encodeEntry(g: L2Geometry, view: DataView, at: number, entry: Omit<L2Entry, 'packed'>): void {
  const host = entry.host ?? 0;
  const high = Math.floor(host / L.HIGH_UNIT) + (entry.host !== undefined && entry.copied ? L.HIGH_COPIED : 0);
  const zeroBit = g.subclusters === 1 && entry.zero !== 0 ? L.LOW_ZERO : 0;
  view.setUint32(at, high);
  view.setUint32(at + 4, (host % L.HIGH_UNIT) + zeroBit);
  if (g.subclusters > 1) {
    view.setUint32(at + 8, entry.zero >>> 0);
    view.setUint32(at + 12, entry.stored >>> 0);
  }
}
