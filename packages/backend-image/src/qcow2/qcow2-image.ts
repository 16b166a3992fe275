import { decodeUtf8, type HostFile, type ImageInfo, type SectorCipher, UnsupportedFeatureError } from '@vmcraft/core';
import type { OpenedChain } from '../chain.js';
import { CipherFile } from '../cipher-file.js';
import { BACKING_METADATA_BYTES, TOP_METADATA_BYTES } from '../limits.js';
import { MetadataCache } from '../page-cache.js';
import type { DiskImage, Run } from '../run.js';
import { ClusterMap } from './cluster-map.js';
import { openCipher } from './encryption.js';
import { findExtension } from './extensions.js';
import { type Header, readHeader } from './header.js';
import { l2Geometry } from './l2-entry.js';
import * as L from './layout.js';
import { findSnapshot, readSnapshots, type Snapshot } from './snapshots.js';

/** Pages of a read-only image; larger than a small cluster, so that small tables come in together. */
const READ_PAGE = 65536;

/** A qcow2 image and everything opened with it. */
export interface Qcow2Parts {
  readonly file: HostFile;
  /** The file that holds guest clusters; `file` itself unless there is an external data file. */
  readonly data: HostFile;
  /** The same without decryption. */
  readonly plainData: HostFile;
  /** Of an encrypted image. */
  readonly cipher?: SectorCipher;
  readonly header: Header;
  readonly cache: MetadataCache;
  readonly map: ClusterMap;
  readonly snapshots: readonly Snapshot[];
  /** Bytes of the snapshot table. */
  readonly snapshotTableBytes: number;
  readonly backing?: DiskImage;
  readonly info: ImageInfo;
}

/** A qcow2 image opened for reading, at its active state or at an internal snapshot. */
export class Qcow2Image implements DiskImage {
  readonly info: ImageInfo;
  readonly size: number;
  readonly sectorSize = 512;
  readonly backing?: DiskImage;
  readonly #parts: Qcow2Parts;

  constructor(parts: Qcow2Parts) {
    this.#parts = parts;
    this.info = parts.info;
    this.size = parts.info.virtualSize;
    if (parts.backing !== undefined) this.backing = parts.backing;
  }

  runAt(offset: number, limit: number): Run | Promise<Run> {
    return this.#parts.map.runAt(offset, limit);
  }

  close(): Promise<void> {
    return closeParts(this.#parts);
  }
}

/** Close the files of an image, the backing chain included. */
export async function closeParts(parts: Pick<Qcow2Parts, 'file' | 'plainData' | 'backing' | 'cipher'>): Promise<void> {
  try {
    parts.cipher?.close();
    await parts.backing?.close();
  } finally {
    if (parts.plainData !== parts.file) await parts.plainData.close();
    await parts.file.close();
  }
}

/**
 * Open everything a qcow2 image consists of.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError, LimitExceededError, UsageError (no such snapshot)
 */
export async function openQcow2Parts(file: HostFile, chain: OpenedChain): Promise<Qcow2Parts> {
  const header = await readHeader(file);
  const geometry = l2Geometry(header);
  const table = await readSnapshots(file, header);
  const snapshot =
    chain.request.snapshot === undefined
      ? undefined
      : findSnapshot(table.snapshots, chain.request.snapshot, header, file.size);
  warnOfState(header, chain);
  const pageSize = chain.request.writable ? Math.min(header.clusterSize, READ_PAGE) : READ_PAGE;
  const budget = chain.depth === 0 ? TOP_METADATA_BYTES : BACKING_METADATA_BYTES;
  const cache = new MetadataCache(file, pageSize, budget);
  const plainData = geometry.dataFile ? await openDataFile(header, chain) : file;
  let data = plainData;
  let cipher: SectorCipher | undefined;
  try {
    if (header.encryption !== undefined) cipher = await openCipher(file, header.encryption, chain);
    if (cipher !== undefined && header.encryption?.method === 'luks') data = new CipherFile(plainData, cipher);
    const backing = await openBacking(header, chain);
    const l1 =
      snapshot === undefined
        ? { offset: header.l1Offset, entries: header.l1Size }
        : { offset: snapshot.l1Offset, entries: snapshot.l1Size };
    const { compressionType } = header;
    const hasBacking = backing !== undefined;
    const guestCipher = header.encryption?.method === 'aes' ? cipher : undefined;
    const map = new ClusterMap({
      geometry,
      cache,
      l1,
      data,
      packed: plainData,
      compressionType,
      hasBacking,
      guestCipher,
    });
    const info = describe(header, chain.backingPath, plainData === file ? undefined : plainData, snapshot);
    const { snapshots, bytes } = table;
    const parts = {
      file,
      data,
      plainData,
      ...(cipher === undefined ? {} : { cipher }),
      header,
      cache,
      map,
      snapshots,
      snapshotTableBytes: bytes,
      info,
    };
    return backing === undefined ? parts : { ...parts, backing };
  } catch (error) {
    cipher?.close();
    if (plainData !== file) await plainData.close();
    throw error;
  }
}

async function openBacking(header: Header, chain: OpenedChain): Promise<DiskImage | undefined> {
  if (header.backingFile === undefined || chain.request.ignoreBacking === true) return undefined;
  return chain.openBacking(header.backingFile, header.backingFormat);
}

function warnOfState(header: Header, chain: OpenedChain): void {
  if ((header.incompatible & L.INCOMPATIBLE.corrupt) !== 0n) {
    chain.warn('the image is marked corrupt; what it reads as may be wrong');
  }
}

async function openDataFile(header: Header, chain: OpenedChain): Promise<HostFile> {
  const extension = findExtension(header.extensions, L.EXTENSION.dataFile);
  if (extension === undefined) {
    const feature = 'external data file without a name in the image';
    throw new UnsupportedFeatureError({ feature, structure: 'qcow2', workaround: 'name it with qemu-img amend' });
  }
  return chain.openReference(decodeUtf8(extension.data), chain.request.writable);
}

/** Facts as `qemu-img info` names them. */
function describe(
  header: Header,
  backingFile: string | undefined,
  data: HostFile | undefined,
  snapshot: Snapshot | undefined,
): ImageInfo {
  const v3 = header.version === 3;
  const details: Record<string, string | number | boolean> = {
    compat: v3 ? '1.1' : '0.10',
    'cluster-size': header.clusterSize,
    'compression-type': L.COMPRESSION_TYPES[header.compressionType] ?? '',
    'refcount-bits': 2 ** header.refcountOrder,
    snapshots: header.snapshotCount,
  };
  if (v3) {
    details['lazy-refcounts'] = (header.compatible & L.COMPATIBLE.lazyRefcounts) !== 0n;
    details.corrupt = (header.incompatible & L.INCOMPATIBLE.corrupt) !== 0n;
    details.dirty = (header.incompatible & L.INCOMPATIBLE.dirty) !== 0n;
    details['extended-l2'] = header.extendedL2;
  }
  if (header.encryption !== undefined) details.encrypted = header.encryption.method;
  if (data !== undefined) {
    details['data-file'] = data.path;
    details['data-file-raw'] = (header.autoclear & L.AUTOCLEAR.dataFileRaw) !== 0n;
  }
  if (header.backingFormat !== undefined) details['backing-format'] = header.backingFormat;
  if (snapshot !== undefined) details.snapshot = snapshot.name;
  const virtualSize = snapshot?.diskSize ?? header.size;
  return { format: 'qcow2', virtualSize, details, ...(backingFile === undefined ? {} : { backingFile }) };
}
