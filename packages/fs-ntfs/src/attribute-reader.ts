import { throwIfAborted } from '@vmcraft/core/block';
import type { BlockDevice, IoOptions, Peekable } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { type Attribute, isCompressed, isEncrypted, type NonResident, sizeOf } from './attribute.js';
import { readCompressed } from './compressed-reader.js';
import { HOLE } from './run-list.js';

/** What a reader needs to know of the volume. */
export interface ClusterSource {
  readonly device: BlockDevice & Peekable;
  readonly geometry: { readonly clusterSize: number };
}

/** Bytes of one device read. */
const MAX_RUN = 1024 * 1024;
/** Reads of this length and more go past page caches. */
const BULK = 65536;

/** A stored piece of a value on the device, bytes; `position` is -1 for zeros. */
export interface Piece {
  readonly position: number;
  readonly length: number;
}

/**
 * Pieces that hold [offset, offset + length) of a non-resident value, ignoring its sizes.
 * @throws CorruptImageError when there are no clusters for a part of it
 */
export function piecesOf(source: ClusterSource, body: NonResident, offset: number, length: number): Piece[] {
  const { clusterSize } = source.geometry;
  const out: Piece[] = [];
  for (let at = offset; at < offset + length; ) {
    const within = at % clusterSize;
    const run = body.runs.at((at - within) / clusterSize);
    if (run === undefined) {
      throw new CorruptImageError({
        structure: 'attribute',
        field: 'mapping pairs',
        reason: `no cluster for byte ${at} of a value of ${body.dataSize}`,
      });
    }
    const part = Math.min(run.length * clusterSize - within, offset + length - at);
    out.push({ position: run.lcn === HOLE ? -1 : run.lcn * clusterSize + within, length: part });
    at += part;
  }
  return out;
}

/**
 * Read up to `length` bytes of an attribute's value; fewer only at its end. Holes, and what was never written, read as zeros.
 * The result may be a view into a cache.
 * @throws UnsupportedFeatureError for an encrypted value; CorruptImageError
 */
export async function readAttribute(
  source: ClusterSource,
  attribute: Attribute,
  offset: number,
  length: number,
  options?: IoOptions,
): Promise<Uint8Array> {
  throwIfAborted(options?.signal, 'read');
  const wanted = Math.max(0, Math.min(length, sizeOf(attribute) - offset));
  if (isEncrypted(attribute)) {
    throw new UnsupportedFeatureError({
      feature: 'a file encrypted with EFS',
      structure: 'NTFS',
      workaround: 'decrypt it in the guest',
    });
  }
  if (wanted === 0) return new Uint8Array(0);
  const body = attribute.nonResident;
  if (body === undefined) return attribute.value!.subarray(offset, offset + wanted);
  if (isCompressed(attribute)) return readCompressed(source, body, offset, wanted, options);
  return readStored(source, body, offset, wanted, options);
}

/** The part of {@link readAttribute} for plain and sparse values. */
export async function readStored(
  source: ClusterSource,
  body: NonResident,
  offset: number,
  wanted: number,
  options?: IoOptions,
): Promise<Uint8Array> {
  const stored = Math.max(0, Math.min(wanted, body.initializedSize - offset));
  // All pieces before any memory: a size that lies must not cost any.
  const pieces = piecesOf(source, body, offset, stored);
  const io: IoOptions | undefined = wanted >= BULK ? { ...options, bulk: true } : options;
  const only = pieces[0];
  if (pieces.length === 1 && stored === wanted && only!.position >= 0 && wanted <= MAX_RUN) {
    return source.device.peek(only!.position, wanted) ?? source.device.read(only!.position, wanted, io);
  }
  const out = new Uint8Array(wanted);
  let done = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length && piece.position >= 0; at += MAX_RUN) {
      throwIfAborted(options?.signal, 'read');
      const part = Math.min(MAX_RUN, piece.length - at);
      out.set(await source.device.read(piece.position + at, part, io), done + at);
    }
    done += piece.length;
  }
  return out;
}

/** The whole value, for structures that are needed whole. @throws CorruptImageError when it is larger than `limit` bytes */
export async function readWhole(source: ClusterSource, attribute: Attribute, limit: number): Promise<Uint8Array> {
  const size = sizeOf(attribute);
  if (size > limit) {
    throw new CorruptImageError({
      structure: `attribute 0x${attribute.type.toString(16)}`,
      field: 'data size',
      expected: `at most ${limit}`,
      found: size,
    });
  }
  return readAttribute(source, attribute, 0, size);
}
