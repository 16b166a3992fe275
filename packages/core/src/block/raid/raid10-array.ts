import type { BlockDevice, IoOptions, Peekable } from '../../contracts/index.js';
import { isPeekable } from '../../contracts/index.js';
import { CapabilityError, CorruptImageError, isVmcraftError } from '../../errors/index.js';
import { checkSpan, throwIfAborted } from '../span.js';
import {
  type ArrayMember,
  type ArrayOptions,
  areWritable,
  flushAll,
  isReadable,
  sectorSizeOf,
} from './array-member.js';
import { type Raid10Geometry, raid10Copies } from './raid10-layout.js';
import { readPieces } from './read-pieces.js';

/** RAID 10 in any of md's layouts. Reads each chunk from the first copy that is there, writes all copies. */
export class Raid10Array implements BlockDevice, Peekable {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable: boolean;
  readonly #members: readonly (ArrayMember | undefined)[];
  readonly #geometry: Raid10Geometry;
  readonly #name: string;

  /** @throws CorruptImageError when some chunk has no copy on a member that is there */
  constructor(members: readonly (ArrayMember | undefined)[], geometry: Raid10Geometry, options: ArrayOptions = {}) {
    this.#name = options.name ?? 'array';
    this.#members = members;
    this.#geometry = geometry;
    // Copies go to the same disks again after at most `disks` chunks.
    for (let chunk = 0; chunk < geometry.disks; chunk++) {
      if (raid10Copies(geometry, chunk).some(({ disk }) => members[disk] !== undefined)) continue;
      const reason = 'all members that hold a copy of the same chunks are missing';
      throw new CorruptImageError({ structure: this.#name, reason });
    }
    this.size = geometry.size;
    this.sectorSize = sectorSizeOf(members);
    this.writable = areWritable(members, options);
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    checkSpan(this.#name, this.size, offset, length);
    throwIfAborted(options?.signal, 'read');
    const { chunkSize } = this.#geometry;
    if (length > 0 && (offset % chunkSize) + length <= chunkSize) return this.#readPiece(offset, length, options);
    return readPieces(offset, length, chunkSize, (at, run) => this.#readPiece(at, run, options));
  }

  async #readPiece(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const { chunkSize } = this.#geometry;
    const within = offset % chunkSize;
    let failure: unknown;
    for (const copy of raid10Copies(this.#geometry, (offset - within) / chunkSize)) {
      const member = this.#members[copy.disk];
      if (!isReadable(member, copy.offset + within, length)) continue;
      try {
        return await member.device.read(copy.offset + within, length, options);
      } catch (error) {
        if (!isVmcraftError(error) || error.code === 'VMC_ABORTED') throw error;
        failure ??= error;
      }
    }
    const reason = 'no copy that is in sync can be read here';
    throw new CorruptImageError({ structure: this.#name, offset, reason }, failure);
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    const { chunkSize } = this.#geometry;
    const within = offset % chunkSize;
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size) || within + length > chunkSize) return undefined;
    for (const copy of raid10Copies(this.#geometry, (offset - within) / chunkSize)) {
      const member = this.#members[copy.disk];
      if (!isReadable(member, copy.offset + within, length)) continue;
      return isPeekable(member.device) ? member.device.peek(copy.offset + within, length) : undefined;
    }
    return undefined;
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    if (!this.writable) throw CapabilityError.readOnly(this.#name);
    checkSpan(this.#name, this.size, offset, data.length);
    const { chunkSize } = this.#geometry;
    for (let done = 0; done < data.length; ) {
      throwIfAborted(options?.signal, 'write');
      const within = (offset + done) % chunkSize;
      const run = Math.min(chunkSize - within, data.length - done);
      for (const copy of raid10Copies(this.#geometry, (offset + done - within) / chunkSize)) {
        const member = this.#members[copy.disk];
        await member?.device.write(copy.offset + within, data.subarray(done, done + run), options);
      }
      done += run;
    }
  }

  flush(): Promise<void> {
    return flushAll(this.#members);
  }

  async close(): Promise<void> {}
}
