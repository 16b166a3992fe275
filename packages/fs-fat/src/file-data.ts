import { throwIfAborted } from '@vmcraft/core/block';
import type { IoOptions } from '@vmcraft/core/contracts';
import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import type { EntryFormat } from './entry-format.js';
import type { ClusterNode } from './node.js';
import type { Volume } from './volume.js';

/** Bytes of one device read or write. */
const MAX_RUN = 1024 * 1024;
/** Reads of this length and more go past page caches. */
const BULK = 65536;

/** A piece of a file on the device, bytes. */
interface Piece {
  readonly position: number;
  readonly length: number;
}

/** Contents of files: reading, writing, changing the size. */
export class FileData {
  readonly #volume: Volume;
  readonly #format: EntryFormat;

  constructor(volume: Volume, format: EntryFormat) {
    this.#volume = volume;
    this.#format = format;
  }

  /** Device pieces that hold [offset, offset + length) of a file, up to {@link MAX_RUN} each. */
  async #pieces(node: ClusterNode, offset: number, length: number): Promise<Piece[]> {
    const { clusterSize } = this.#volume.geometry;
    const pieces: Piece[] = [];
    for (let at = offset; at < offset + length; ) {
      const within = at % clusterSize;
      const index = (at - within) / clusterSize;
      // Look ahead so that a run is known as far as it goes.
      await node.chain.reach(Math.ceil(Math.min(offset + length, at + MAX_RUN) / clusterSize));
      const run = node.chain.peekRun(index);
      if (run === undefined) throw shortChain(at, node.fields.size);
      const part = Math.min(run.count * clusterSize - within, offset + length - at, MAX_RUN);
      pieces.push({ position: this.#volume.offsetOf(run.cluster) + within, length: part });
      at += part;
    }
    return pieces;
  }

  /** Up to `length` bytes; what has not been written reads as zeros. */
  async read(node: ClusterNode, offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    throwIfAborted(options?.signal, 'read');
    const { size, validSize } = node.fields;
    const wanted = Math.max(0, Math.min(length, size - offset));
    const stored = Math.max(0, Math.min(wanted, validSize - offset));
    // All pieces before any memory: a size that lies must not cost any.
    const pieces = await this.#pieces(node, offset, stored);
    const io: IoOptions | undefined = length >= BULK ? { ...options, bulk: true } : options;
    if (pieces.length === 1 && stored === wanted) return this.#volume.device.read(pieces[0]!.position, stored, io);
    const out = new Uint8Array(wanted);
    let done = 0;
    for (const piece of pieces) {
      throwIfAborted(options?.signal, 'read');
      out.set(await this.#volume.device.read(piece.position, piece.length, io), done);
      done += piece.length;
    }
    return out;
  }

  /** Write all of `data`, growing the file. The caller stamps and stores the entry. */
  async write(node: ClusterNode, offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    throwIfAborted(options?.signal, 'write');
    const end = offset + data.length;
    if (data.length === 0) return;
    await this.#reserve(node, end, 'write');
    const { validSize } = node.fields;
    if (offset > validSize) await this.#zero(node, validSize, offset);
    let done = 0;
    for (const piece of await this.#pieces(node, offset, data.length)) {
      throwIfAborted(options?.signal, 'write');
      await this.#volume.cache.writeThrough(piece.position, data.subarray(done, done + piece.length));
      done += piece.length;
    }
    node.fields.validSize = Math.max(validSize, end);
    node.fields.size = Math.max(node.fields.size, end);
  }

  /** Make room for a file of `size` bytes. @throws FsError ENOSPC, EFBIG, with nothing changed */
  async #reserve(node: ClusterNode, size: number, operation: string): Promise<void> {
    if (size > this.#format.maxFileSize) throw new FsError('EFBIG', { operation });
    const needed = Math.ceil(size / this.#volume.geometry.clusterSize);
    const had = await node.chain.length();
    if (had * this.#volume.geometry.clusterSize < node.fields.size)
      throw shortChain(node.fields.size, node.fields.size);
    if (needed <= had) return;
    const runs = await this.#volume.allocate(needed - had, await node.chain.goal(), operation);
    await node.chain.extend(runs);
    node.adoptChain();
  }

  async #zero(node: ClusterNode, from: number, to: number): Promise<void> {
    const zeros = new Uint8Array(Math.min(MAX_RUN, to - from));
    for (let at = from; at < to; at += MAX_RUN) {
      for (const piece of await this.#pieces(node, at, Math.min(MAX_RUN, to - at))) {
        await this.#volume.cache.writeThrough(piece.position, zeros.subarray(0, piece.length));
      }
    }
  }

  /**
   * Set the size. The new part is filled with zeros, in exFAT too: its ValidDataLength could tell, but Linux before 6.8 takes that for
   * the size of the file.
   */
  async resize(node: ClusterNode, size: number): Promise<void> {
    const { fields } = node;
    if (size > fields.size) {
      await this.#reserve(node, size, 'truncate');
      await this.#zero(node, fields.validSize, size);
      fields.validSize = size;
    } else {
      await node.chain.truncate(Math.ceil(size / this.#volume.geometry.clusterSize));
      node.adoptChain();
      fields.validSize = Math.min(fields.validSize, size);
    }
    fields.size = size;
  }
}

function shortChain(offset: number, size: number): CorruptImageError {
  return new CorruptImageError({
    structure: 'file allocation table',
    reason: `a file of ${size} bytes has no cluster for byte ${offset}`,
    citation: 'Microsoft FAT specification 1.03 §4',
  });
}
