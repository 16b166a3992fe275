import {
  CorruptImageError,
  type HostFile,
  type ImageInfo,
  LimitExceededError,
  toSafeInteger,
  UnsupportedFeatureError,
  viewOf,
} from '@vmcraft/core';
import type { OpenedChain, OpenedImage } from '../chain.js';
import { BACKING_METADATA_BYTES, TOP_METADATA_BYTES } from '../limits.js';
import type { DiskImage } from '../run.js';
import { type Descriptor, type ExtentLine, parseDescriptor } from './descriptor.js';
import { type Extent, FlatExtent, ZeroExtent } from './extent.js';
import * as L from './layout.js';
import { SeSparseExtent } from './se-sparse-extent.js';
import { openCowd, openSparse, SparseExtent } from './sparse-extent.js';
import { VmdkImage } from './vmdk-image.js';

/** Everything found while opening; `files` are closed with the image. */
interface Parts {
  readonly descriptor: Descriptor | undefined;
  readonly extents: readonly Extent[];
  readonly files: HostFile[];
}

/**
 * Open a VMDK: a sparse extent with its descriptor inside, or a descriptor file and the extents it names.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError, LimitExceededError
 * @throws CapabilityError when an extent lies outside the allowed folders
 */
export async function open(file: HostFile, chain: OpenedChain): Promise<OpenedImage> {
  const opened: HostFile[] = [];
  try {
    const parts = await openParts(file, chain, opened);
    const backing = await openParent(parts.descriptor, chain);
    return new VmdkImage(describe(parts, chain.backingPath), parts.extents, [...parts.files, file], backing);
  } catch (error) {
    for (const other of opened) await other.close();
    throw error;
  }
}

async function openParts(file: HostFile, chain: OpenedChain, opened: HostFile[]): Promise<Parts> {
  const start = await file.read(0, 4);
  const magic = start.length === 4 ? viewOf(start).getUint32(0, true) : 0;
  const cacheBytes = chain.depth === 0 ? TOP_METADATA_BYTES : BACKING_METADATA_BYTES;
  if (magic === L.COWD_MAGIC) {
    return { descriptor: undefined, extents: [await openCowd(file, cacheBytes)], files: [] };
  }
  if (magic === L.SPARSE_MAGIC) {
    const { extent, descriptor } = await openSparse(file, cacheBytes);
    if (descriptor.length === 0) return { descriptor: undefined, extents: [extent], files: [] };
    const parsed = parseDescriptor(descriptorText(await file.read(descriptor.offset, descriptor.length)));
    return { descriptor: parsed, extents: [extent], files: [] };
  }
  if (BigInt(magic) === L.SE_MAGIC) {
    return { descriptor: undefined, extents: [await SeSparseExtent.open(file, cacheBytes)], files: [] };
  }
  if (file.size > L.MAX_DESCRIPTOR) {
    throw new LimitExceededError({ limit: 'bytes of a VMDK descriptor', value: file.size, max: L.MAX_DESCRIPTOR });
  }
  const descriptor = parseDescriptor(descriptorText(await file.read(0, file.size)));
  if (descriptor.extents.length === 0) {
    throw new CorruptImageError({ structure: 'vmdk descriptor', reason: 'it names no extents' });
  }
  return { descriptor, extents: await openExtents(descriptor, chain, opened, cacheBytes), files: opened };
}

/** A descriptor is text up to the first NUL. */
function descriptorText(data: Uint8Array): string {
  const end = data.indexOf(0);
  return new TextDecoder().decode(end < 0 ? data : data.subarray(0, end));
}

/** Many extents share the memory for tables that one would have. */
async function openExtents(
  descriptor: Descriptor,
  chain: OpenedChain,
  opened: HostFile[],
  cacheBytes: number,
): Promise<Extent[]> {
  const byName = new Map<string, HostFile>();
  const extents: Extent[] = [];
  const share = Math.floor(cacheBytes / descriptor.extents.length);
  for (const line of descriptor.extents) {
    let file = line.file === undefined ? undefined : byName.get(line.file);
    if (line.file !== undefined && file === undefined) {
      file = await chain.openReference(line.file, false);
      opened.push(file);
      byName.set(line.file, file);
    }
    extents.push(await openExtent(line, file, share));
  }
  return extents;
}

async function openExtent(line: ExtentLine, file: HostFile | undefined, cacheBytes: number): Promise<Extent> {
  const size = toSafeInteger(BigInt(line.sectors) * BigInt(L.SECTOR), 'vmdk extent size');
  if (line.access === 'NOACCESS') {
    throw new UnsupportedFeatureError({ feature: 'extent without access', structure: 'vmdk descriptor' });
  }
  if (line.type === 'ZERO') return new ZeroExtent(size);
  if (file === undefined) {
    throw new CorruptImageError({ structure: 'vmdk descriptor', reason: `${line.type} extent without a file` });
  }
  switch (line.type) {
    case 'FLAT':
    case 'VMFS':
      return flatExtent(line, file, size);
    case 'SPARSE':
      return checkedSize(line, (await openSparse(file, cacheBytes)).extent, size);
    case 'VMFSSPARSE':
      return checkedSize(line, await openVmfsSparse(file, cacheBytes), size);
    case 'SESPARSE':
      return checkedSize(line, await SeSparseExtent.open(file, cacheBytes), size);
    default:
      throw new UnsupportedFeatureError({ feature: `extent type ${line.type}`, structure: 'vmdk descriptor' });
  }
}

/** Extents of this type are COWD on ESXi; tools on other hosts write the hosted kind under the same name. */
async function openVmfsSparse(file: HostFile, cacheBytes: number): Promise<Extent> {
  const start = await file.read(0, 4);
  const hosted = start.length === 4 && viewOf(start).getUint32(0, true) === L.SPARSE_MAGIC;
  return hosted ? (await openSparse(file, cacheBytes)).extent : openCowd(file, cacheBytes);
}

function flatExtent(line: ExtentLine, file: HostFile, size: number): Extent {
  const start = toSafeInteger(BigInt(line.offset) * BigInt(L.SECTOR), 'vmdk extent offset');
  if (start + size > file.size) {
    const found = { expected: start + size, found: file.size };
    throw new CorruptImageError({ structure: 'vmdk descriptor', field: `size of ${line.file}`, ...found });
  }
  return new FlatExtent(file, start, size);
}

/** The descriptor and the extent's own header have to agree, or guest bytes would shift. */
function checkedSize(line: ExtentLine, extent: Extent, size: number): Extent {
  if (extent.size === size) return extent;
  const found = { expected: size, found: extent.size };
  throw new CorruptImageError({ structure: 'vmdk descriptor', field: `size of ${line.file}`, ...found });
}

/** "The Descriptor File", parentCID: a parent that was written since gives wrong data, without any other sign. */
async function openParent(descriptor: Descriptor | undefined, chain: OpenedChain): Promise<DiskImage | undefined> {
  if (descriptor === undefined || descriptor.parentCid === L.NO_PARENT) return undefined;
  if (descriptor.parentHint === undefined) {
    throw new CorruptImageError({ structure: 'vmdk descriptor', reason: 'a parentCID without a parentFileNameHint' });
  }
  const parent = await chain.openBacking(descriptor.parentHint);
  if (parent.info.details.cid !== descriptor.parentCid) {
    chain.warn(`the parent ${descriptor.parentHint} has changed since this disk was made on it (CID mismatch)`);
  }
  return parent;
}

function describe(parts: Parts, backingFile: string | undefined): ImageInfo {
  const { descriptor, extents } = parts;
  const virtualSize = extents.reduce((sum, extent) => sum + extent.size, 0);
  const details: Record<string, string | number | boolean> = { extents: extents.length };
  const createType = descriptor?.createType ?? (extents[0] instanceof SparseExtent ? 'vmfsSparse' : 'seSparse');
  details['create-type'] = createType;
  details.subformat = createType;
  if (descriptor !== undefined) {
    details.cid = descriptor.cid;
    details['parent-cid'] = descriptor.parentCid;
  }
  const grain = extents.find((extent) => extent.grainBytes !== undefined)?.grainBytes;
  if (grain !== undefined) details['cluster-size'] = grain;
  if (extents.some((extent) => extent instanceof SparseExtent && extent.compressed)) details.compressed = true;
  return { format: 'vmdk', virtualSize, details, ...(backingFile === undefined ? {} : { backingFile }) };
}
