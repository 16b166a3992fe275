import {
  alignUp,
  type BackendContext,
  type CreateSpec,
  concatBytes,
  encodeUtf8,
  type HostFile,
  UsageError,
} from '@vmcraft/core';
import { openImage } from '../chain.js';
import { type CreateOptions, parseCreateOptions } from './create-options.js';
import * as L from './layout.js';
import type { Qcow2Writer } from './qcow2-writer.js';
import { setRefcount } from './refcount-entries.js';

/** Clusters of a new image: header, refcount table, one refcount block. */
const TABLE_CLUSTER = 1;
const BLOCK_CLUSTER = 2;
const FIRST_CLUSTERS = 3;

/**
 * Make an empty qcow2 image. It begins as a disk of no size, and grows as any image does.
 * @throws UsageError for bad options, HostError from the host
 */
export async function createQcow2(spec: CreateSpec, context: BackendContext): Promise<void> {
  const options = parseCreateOptions(spec.options ?? {});
  if (spec.backingFile !== undefined && options.preallocate) {
    throw new UsageError('preallocated clusters would hide the backing file', { argument: 'preallocation' });
  }
  if (spec.backingFile !== undefined && encodeUtf8(spec.backingFile).length > L.MAX_BACKING_NAME) {
    throw new UsageError('the backing file name is too long', { argument: 'backingFile' });
  }
  const file = await context.files.open(spec.path, { writable: true, create: 'truncate' });
  try {
    await writeEmpty(file, options, spec);
    await file.flush();
  } finally {
    await file.close();
  }
  // Only the class that changes sizes knows how tables grow. The backing file plays no part, and need not be there yet.
  const request = { path: spec.path, format: 'qcow2', writable: true, ignoreBacking: true };
  const image = (await openImage(request, context)) as Qcow2Writer;
  try {
    await image.resize(spec.size);
    if (options.preallocate) await image.preallocate();
    await image.flush();
  } finally {
    await image.close();
  }
}

async function writeEmpty(file: HostFile, options: CreateOptions, spec: CreateSpec): Promise<void> {
  const size = options.clusterSize;
  const image = new Uint8Array(FIRST_CLUSTERS * size);
  const headerLength = options.version === 3 ? L.WRITTEN_HEADER_LENGTH : L.V3_OFFSET;
  const extensions = encodeExtensions(options, spec);
  const name = encodeUtf8(spec.backingFile ?? '');
  const nameAt = headerLength + extensions.length;
  if (nameAt + name.length > size) {
    throw new UsageError('the backing file name does not fit into the first cluster', { argument: 'backingFile' });
  }
  L.Qcow2Header.encodeInto(
    {
      magic: L.QCOW_MAGIC,
      version: options.version,
      backingFileOffset: BigInt(name.length === 0 ? 0 : nameAt),
      backingFileSize: name.length,
      clusterBits: Math.log2(size),
      refcountTableOffset: BigInt(TABLE_CLUSTER * size),
      refcountTableClusters: 1,
    },
    image,
  );
  if (options.version === 3) encodeV3(options, image);
  image.set(extensions, headerLength);
  image.set(name, nameAt);
  const view = new DataView(image.buffer);
  view.setBigUint64(TABLE_CLUSTER * size, BigInt(BLOCK_CLUSTER * size));
  const block = new DataView(image.buffer, BLOCK_CLUSTER * size);
  for (let i = 0; i < FIRST_CLUSTERS; i++) setRefcount(block, Math.log2(options.refcountBits), i, 1);
  await file.write(0, image);
}

function encodeV3(options: CreateOptions, image: Uint8Array): void {
  const { extendedL2, compressionType } = L.INCOMPATIBLE;
  L.Qcow2HeaderV3.encodeInto(
    {
      incompatibleFeatures: (options.extendedL2 ? extendedL2 : 0n) | (options.zstd ? compressionType : 0n),
      compatibleFeatures: options.lazyRefcounts ? L.COMPATIBLE.lazyRefcounts : 0n,
      refcountOrder: Math.log2(options.refcountBits),
      headerLength: L.WRITTEN_HEADER_LENGTH,
    },
    image,
    L.V3_OFFSET,
  );
  image[L.COMPRESSION_TYPE_OFFSET] = options.zstd ? 1 : 0;
}

/** Names of feature bits, so that readers that lack one can say which. Kind, bit, name. */
const FEATURE_NAMES: readonly (readonly [number, number, string])[] = [
  [0, 0, 'dirty bit'],
  [0, 1, 'corrupt bit'],
  [0, 2, 'external data file'],
  [0, 3, 'compression type'],
  [0, 4, 'extended L2 entries'],
  [1, 0, 'lazy refcounts'],
  [2, 0, 'bitmaps'],
  [2, 1, 'raw external data'],
];

function encodeExtensions(options: CreateOptions, spec: CreateSpec): Uint8Array {
  const parts: Uint8Array[] = [];
  const add = (type: number, data: Uint8Array): void => {
    const extension = new Uint8Array(L.ExtensionHeader.size + alignUp(data.length, 8));
    L.ExtensionHeader.encodeInto({ type, length: data.length }, extension);
    extension.set(data, L.ExtensionHeader.size);
    parts.push(extension);
  };
  if (spec.backingFormat !== undefined) add(L.EXTENSION.backingFormat, encodeUtf8(spec.backingFormat));
  // In clusters of 512 bytes the names would leave no room for a backing file.
  if (options.version === 3 && options.clusterSize > 2048) {
    const names = FEATURE_NAMES.map(([kind, bit, name]) => L.FeatureName.encode({ kind, bit, name }));
    add(L.EXTENSION.featureNames, concatBytes(names));
  }
  parts.push(new Uint8Array(L.ExtensionHeader.size));
  return concatBytes(parts);
}
