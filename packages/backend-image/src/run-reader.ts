import {
  AbortedError,
  alignDown,
  alignUp,
  type BlockExtent,
  CorruptImageError,
  type IoOptions,
  TruncatedImageError,
} from '@vmcraft/core';
import { UNPACK_CONCURRENCY } from './limits.js';
import type { DiskImage, PackedRun, Run, StoredRun } from './run.js';

/** Bytes of a guest disk, gathered from the runs that hold them. */
export async function readImage(
  image: DiskImage,
  offset: number,
  length: number,
  options?: IoOptions,
): Promise<Uint8Array> {
  if (length === 0) return new Uint8Array(0);
  const found = image.runAt(offset, length);
  const first = found instanceof Promise ? await found : found;
  if (first.kind === 'stored' && first.length === length) return readStored(first, length, options);
  const target = new Uint8Array(length);
  await readInto(image, offset, target, options, first);
  return target;
}

/** Fill `target`, which holds zeros, from the guest disk at `offset`. */
export async function readInto(
  image: DiskImage,
  offset: number,
  target: Uint8Array,
  options?: IoOptions,
  first?: Run,
): Promise<void> {
  const packed: Promise<void>[] = [];
  try {
    let run = first;
    for (let at = 0; at < target.length; ) {
      if (options?.signal?.aborted === true) throw new AbortedError('read', options.signal.reason);
      if (run === undefined) {
        const found = image.runAt(offset + at, target.length - at);
        run = found instanceof Promise ? await found : found;
      }
      const part = target.subarray(at, at + run.length);
      if (run.kind === 'packed') {
        if (packed.length >= UNPACK_CONCURRENCY) await packed.shift();
        const unpacking = unpackInto(run, part);
        // It may fail while something else is awaited; whoever awaits it later sees the error.
        unpacking.catch(() => {});
        packed.push(unpacking);
      } else if (run.kind === 'stored') {
        part.set(await readStored(run, part.length, options));
      } else if (run.kind === 'absent' && image.backing !== undefined) {
        await readBacking(image.backing, offset + at, part, options);
      }
      at += run.length;
      run = undefined;
    }
    while (packed.length > 0) await packed.shift();
  } finally {
    if (packed.length > 0) await Promise.allSettled(packed);
  }
}

async function readBacking(backing: DiskImage, offset: number, target: Uint8Array, options?: IoOptions): Promise<void> {
  const length = Math.min(target.length, backing.size - offset);
  if (length > 0) await readInto(backing, offset, target.subarray(0, length), options);
}

async function unpackInto(run: PackedRun, target: Uint8Array): Promise<void> {
  const unit = await run.unpack();
  if (unit.length < run.start + target.length) {
    const reason = `${unit.length} bytes where ${run.start + target.length} are needed`;
    throw new CorruptImageError({ structure: 'compressed cluster', reason });
  }
  target.set(unit.subarray(run.start, run.start + target.length));
}

/** Whole sectors around what is wanted, decrypted. */
async function readEncrypted(run: StoredRun, length: number, options?: IoOptions): Promise<Uint8Array> {
  const { cipher, offset } = run.cipher!;
  const unit = cipher.sectorSize;
  const lead = offset % unit;
  const data = new Uint8Array(alignUp(lead + length, unit));
  data.set(await run.file.read(run.position - lead, data.length, options));
  cipher.decrypt(data, offset - lead);
  return data.subarray(lead, lead + length);
}

async function readStored(run: StoredRun, length: number, options?: IoOptions): Promise<Uint8Array> {
  if (run.cipher !== undefined) return readEncrypted(run, length, options);
  const data = await run.file.read(run.position, length, options);
  if (data.length === length) return data;
  const unit = run.paddedUnit;
  const lastUnit = unit === undefined ? Number.POSITIVE_INFINITY : alignDown(run.position + length - 1, unit);
  if (lastUnit >= run.file.size || run.position + data.length < run.file.size) {
    const details = { offset: run.position, needed: length, available: data.length };
    throw new TruncatedImageError({ structure: run.file.path, ...details });
  }
  const padded = new Uint8Array(length);
  padded.set(data);
  return padded;
}

/** Runs of the guest disk by what they hold, with neighbours of one kind joined. */
export async function* imageExtents(
  image: DiskImage,
  offset: number,
  length: number,
  options?: IoOptions,
): AsyncGenerator<BlockExtent> {
  let open: { offset: number; length: number; kind: BlockExtent['kind'] } | undefined;
  for await (const extent of rawExtents(image, offset, length, options)) {
    if (open !== undefined && open.kind === extent.kind) {
      open.length += extent.length;
      continue;
    }
    if (open !== undefined) yield open;
    open = { ...extent };
  }
  if (open !== undefined) yield open;
}

async function* rawExtents(
  image: DiskImage,
  offset: number,
  length: number,
  options?: IoOptions,
): AsyncGenerator<BlockExtent> {
  const end = offset + length;
  for (let at = offset; at < end; ) {
    if (options?.signal?.aborted === true) throw new AbortedError('extents', options.signal.reason);
    const found = image.runAt(at, end - at);
    const run = found instanceof Promise ? await found : found;
    if (run.kind === 'stored') {
      yield* storedExtents(run, at);
    } else if (run.kind === 'packed') {
      yield { offset: at, length: run.length, kind: 'data' };
    } else if (run.kind === 'absent') {
      yield* backingExtents(image.backing, at, run.length, options);
    } else {
      yield { offset: at, length: run.length, kind: run.kind };
    }
    at += run.length;
  }
}

/** Allocated bytes may still be a hole of the host file, as with preallocated images. */
async function* storedExtents(run: StoredRun, at: number): AsyncGenerator<BlockExtent> {
  const inFile = run.cipher !== undefined ? 0 : Math.max(0, Math.min(run.length, run.file.size - run.position));
  if (inFile > 0) {
    for await (const extent of run.file.extents(run.position, inFile)) {
      const kind = extent.kind === 'hole' ? 'zero' : extent.kind;
      yield { offset: at + extent.offset - run.position, length: extent.length, kind };
    }
  }
  // What lies past the end of the file is padding or an error, which a read will tell.
  if (inFile < run.length) yield { offset: at + inFile, length: run.length - inFile, kind: 'data' };
}

async function* backingExtents(
  backing: DiskImage | undefined,
  offset: number,
  length: number,
  options?: IoOptions,
): AsyncGenerator<BlockExtent> {
  const covered = Math.max(0, Math.min(length, (backing?.size ?? 0) - offset));
  if (backing !== undefined && covered > 0) yield* rawExtents(backing, offset, covered, options);
  if (covered < length) yield { offset: offset + covered, length: length - covered, kind: 'hole' };
}
