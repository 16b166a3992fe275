import {
  CorruptImageError,
  decodeUtf8,
  type HostFile,
  LimitExceededError,
  TruncatedImageError,
  toSafeInteger,
  UnsupportedFeatureError,
} from '@vmcraft/core';
import { type Encryption, encryptionOf } from './encryption.js';
import { type Extension, featureName, findExtension, parseExtensions } from './extensions.js';
import * as L from './layout.js';

/** Every field of a qcow2 header, decoded and checked. Offsets and sizes are bytes. */
export interface Header {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly clusterSize: number;
  readonly size: number;
  readonly l1Size: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  readonly refcountOrder: number;
  readonly snapshotCount: number;
  readonly snapshotsOffset: number;
  readonly incompatible: bigint;
  readonly compatible: bigint;
  readonly autoclear: bigint;
  readonly headerLength: number;
  readonly compressionType: number;
  readonly extendedL2: boolean;
  readonly encryption?: Encryption;
  readonly backingFile?: string;
  readonly backingFormat?: string;
  readonly extensions: readonly Extension[];
}

const CITATION = 'qcow2, "Header"';

/**
 * Read and check the header.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError, LimitExceededError
 */
export async function readHeader(file: HostFile): Promise<Header> {
  const start = await file.read(0, 1 << 12);
  const h = L.Qcow2Header.decode(start);
  if (h.magic !== L.QCOW_MAGIC) throw corrupt('magic', L.QCOW_MAGIC, h.magic);
  if (h.version !== 2 && h.version !== 3) {
    throw new UnsupportedFeatureError({ feature: `version ${h.version}`, structure: 'qcow2' });
  }
  if (h.clusterBits < L.MIN_CLUSTER_BITS || h.clusterBits > L.MAX_CLUSTER_BITS) {
    throw corrupt('cluster_bits', `${L.MIN_CLUSTER_BITS} to ${L.MAX_CLUSTER_BITS}`, h.clusterBits);
  }
  const clusterSize = 2 ** h.clusterBits;
  const v3 = h.version === 3 ? L.Qcow2HeaderV3.decode(start, L.V3_OFFSET) : undefined;
  const headerLength = v3?.headerLength ?? L.V3_OFFSET;
  if (headerLength > clusterSize || (v3 !== undefined && headerLength < L.V3_HEADER_LENGTH)) {
    throw corrupt('header_length', `${L.V3_HEADER_LENGTH} to ${clusterSize}`, headerLength);
  }
  const first = clusterSize <= start.length ? start.subarray(0, clusterSize) : await file.read(0, clusterSize);
  const backing = backingName(first, h.backingFileOffset, h.backingFileSize);
  const end = backing === undefined ? first.length : Number(h.backingFileOffset);
  const extensions = parseExtensions(first.subarray(0, Math.max(end, headerLength)), headerLength);
  const incompatible = v3?.incompatibleFeatures ?? 0n;
  checkIncompatible(incompatible, extensions);
  const encryption = encryptionOf(h.cryptMethod, extensions);
  const backingFormat = findExtension(extensions, L.EXTENSION.backingFormat);
  const header: Header = {
    version: h.version,
    clusterBits: h.clusterBits,
    clusterSize,
    size: toSafeInteger(h.size, 'qcow2.header.size'),
    l1Size: h.l1Size,
    l1Offset: toSafeInteger(h.l1TableOffset, 'qcow2.header.l1_table_offset'),
    refcountTableOffset: toSafeInteger(h.refcountTableOffset, 'qcow2.header.refcount_table_offset'),
    refcountTableClusters: h.refcountTableClusters,
    refcountOrder: v3?.refcountOrder ?? 4,
    snapshotCount: h.nbSnapshots,
    snapshotsOffset: toSafeInteger(h.snapshotsOffset, 'qcow2.header.snapshots_offset'),
    incompatible,
    compatible: v3?.compatibleFeatures ?? 0n,
    autoclear: v3?.autoclearFeatures ?? 0n,
    headerLength,
    compressionType: headerLength > L.COMPRESSION_TYPE_OFFSET ? (first[L.COMPRESSION_TYPE_OFFSET] ?? 0) : 0,
    extendedL2: (incompatible & L.INCOMPATIBLE.extendedL2) !== 0n,
    ...(encryption === undefined ? {} : { encryption }),
    ...(backing === undefined ? {} : { backingFile: backing }),
    ...(backingFormat === undefined ? {} : { backingFormat: decodeUtf8(backingFormat.data) }),
    extensions,
  };
  checkHeader(header, file.size);
  return header;
}

/** Rules that tie fields together; each names the field at fault. */
function checkHeader(h: Header, fileSize: number): void {
  if (h.refcountOrder > L.MAX_REFCOUNT_ORDER) throw corrupt('refcount_order', 'at most 6', h.refcountOrder);
  if (h.extendedL2 && h.clusterBits < L.MIN_EXTENDED_CLUSTER_BITS) {
    throw corrupt('cluster_bits', `at least ${L.MIN_EXTENDED_CLUSTER_BITS} with extended L2 entries`, h.clusterBits);
  }
  const typeBit = (h.incompatible & L.INCOMPATIBLE.compressionType) !== 0n;
  if (typeBit !== (h.compressionType !== 0))
    throw corrupt('compression_type', typeBit ? 'not 0' : 0, h.compressionType);
  if (L.COMPRESSION_TYPES[h.compressionType] === undefined) {
    throw new UnsupportedFeatureError({ feature: `compression type ${h.compressionType}`, structure: 'qcow2' });
  }
  if (h.snapshotCount > L.MAX_SNAPSHOTS) {
    throw new LimitExceededError({ limit: 'qcow2 snapshots', value: h.snapshotCount, max: L.MAX_SNAPSHOTS });
  }
  const refcountBytes = h.refcountTableClusters * h.clusterSize;
  if (refcountBytes > L.MAX_REFCOUNT_TABLE_BYTES) {
    const max = L.MAX_REFCOUNT_TABLE_BYTES;
    throw new LimitExceededError({ limit: 'qcow2 refcount table bytes', value: refcountBytes, max });
  }
  if (h.refcountTableClusters === 0) throw corrupt('refcount_table_clusters', 'at least 1', 0);
  checkTable('refcount_table_offset', h.refcountTableOffset, refcountBytes, h.clusterSize, fileSize);
  if (h.snapshotCount > 0) {
    checkTable('snapshots_offset', h.snapshotsOffset, L.SnapshotHeader.size, h.clusterSize, fileSize);
  }
  checkL1('l1_table_offset', h.l1Offset, h.l1Size, h.size, h, fileSize);
}

/** Guest bytes that one L1 entry stands for. */
export function l1Coverage(h: { clusterSize: number; extendedL2: boolean }): number {
  return h.clusterSize * (h.clusterSize / (h.extendedL2 ? L.EXTENDED_ENTRY_BYTES : L.ENTRY_BYTES));
}

/** Check place and length of an L1 table that has to cover `diskSize` bytes. */
export function checkL1(
  field: string,
  offset: number,
  entries: number,
  diskSize: number,
  h: { clusterSize: number; extendedL2: boolean },
  fileSize: number,
): void {
  const bytes = entries * L.ENTRY_BYTES;
  if (bytes > L.MAX_L1_BYTES) {
    throw new LimitExceededError({ limit: 'qcow2 L1 table bytes', value: bytes, max: L.MAX_L1_BYTES });
  }
  const needed = Math.ceil(diskSize / l1Coverage(h));
  if (entries < needed) throw corrupt('l1_size', `at least ${needed}`, entries);
  if (entries > 0) checkTable(field, offset, bytes, h.clusterSize, fileSize);
}

function checkTable(field: string, offset: number, bytes: number, clusterSize: number, fileSize: number): void {
  if (offset === 0 || offset % clusterSize !== 0) throw corrupt(field, `a multiple of ${clusterSize}`, offset);
  if (offset + bytes > fileSize) {
    const available = Math.max(0, fileSize - offset);
    throw new TruncatedImageError({ structure: `qcow2 table at ${field}`, offset, needed: bytes, available });
  }
}

function backingName(cluster: Uint8Array, offset: bigint, size: number): string | undefined {
  if (offset === 0n || size === 0) return undefined;
  if (size > L.MAX_BACKING_NAME) throw corrupt('backing_file_size', `at most ${L.MAX_BACKING_NAME}`, size);
  if (offset + BigInt(size) > BigInt(cluster.length)) {
    throw corrupt('backing_file_offset', `within ${cluster.length} bytes`, offset);
  }
  return decodeUtf8(cluster.subarray(Number(offset), Number(offset) + size));
}

function checkIncompatible(bits: bigint, extensions: readonly Extension[]): void {
  const unknown = bits & ~L.INCOMPATIBLE_KNOWN;
  if (unknown === 0n) return;
  const names: string[] = [];
  for (let bit = 0; bit < 64; bit++) {
    if ((unknown >> BigInt(bit)) & 1n) names.push(featureName(extensions, bit) ?? `incompatible feature bit ${bit}`);
  }
  throw new UnsupportedFeatureError({ feature: names.join(', '), structure: 'qcow2', citation: CITATION });
}

function corrupt(field: string, expected: unknown, found: unknown): CorruptImageError {
  return new CorruptImageError({ structure: 'qcow2.header', field, offset: 0, expected, found, citation: CITATION });
}
