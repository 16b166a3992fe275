import type { BlockDevice, IoOptions, Peekable } from '../../contracts/index.js';
import { isPeekable } from '../../contracts/index.js';
import { CapabilityError } from '../../errors/index.js';
import { checkSpan, throwIfAborted } from '../span.js';
import { readPieces } from './read-pieces.js';

/** How to make a {@link StripeArray}. */
export interface StripeOptions {
  /** Bytes of a chunk. */
  readonly chunkSize: number;
  /** Bytes of each member that belong to the array; a multiple of the chunk. */
  readonly memberSize: number;
  readonly name?: string;
  readonly writable?: boolean;
}

/** RAID 0 over members of one size: chunk `n` lies on member `n mod members`. */
export class StripeArray implements BlockDevice, Peekable {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable: boolean;
  readonly #members: readonly BlockDevice[];
  readonly #options: StripeOptions;
  readonly #name: string;

  constructor(members: readonly BlockDevice[], options: StripeOptions) {
    this.#members = members;
    this.#options = options;
    this.#name = options.name ?? 'stripes';
    this.size = options.memberSize * members.length;
    this.sectorSize = Math.max(...members.map((m) => m.sectorSize));
    this.writable = options.writable !== false && members.every((m) => m.writable);
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    checkSpan(this.#name, this.size, offset, length);
    throwIfAborted(options?.signal, 'read');
    const { chunkSize } = this.#options;
    if ((offset % chunkSize) + length <= chunkSize) {
      return this.#memberOf(offset).read(this.#placeOf(offset), length, options);
    }
    return readPieces(offset, length, chunkSize, (at, run) => {
      return this.#memberOf(at).read(this.#placeOf(at), run, options);
    });
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) return undefined;
    if ((offset % this.#options.chunkSize) + length > this.#options.chunkSize) return undefined;
    const member = this.#memberOf(offset);
    return isPeekable(member) ? member.peek(this.#placeOf(offset), length) : undefined;
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    if (!this.writable) throw CapabilityError.readOnly(this.#name);
    checkSpan(this.#name, this.size, offset, data.length);
    const { chunkSize } = this.#options;
    for (let done = 0; done < data.length; ) {
      throwIfAborted(options?.signal, 'write');
      const at = offset + done;
      const run = Math.min(chunkSize - (at % chunkSize), data.length - done);
      await this.#memberOf(at).write(this.#placeOf(at), data.subarray(done, done + run), options);
      done += run;
    }
  }

  async flush(): Promise<void> {
    for (const member of new Set(this.#members)) if (member.writable) await member.flush();
  }

  async close(): Promise<void> {}

  #memberOf(offset: number): BlockDevice {
    return this.#members[Math.floor(offset / this.#options.chunkSize) % this.#members.length]!;
  }

  #placeOf(offset: number): number {
    const { chunkSize } = this.#options;
    return Math.floor(offset / (chunkSize * this.#members.length)) * chunkSize + (offset % chunkSize);
  }
}
