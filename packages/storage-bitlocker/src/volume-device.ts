import { alignDown, alignUp } from '@vmcraft/core/binary';
import { checkSpan, throwIfAborted } from '@vmcraft/core/block';
import type { BlockDevice, IoOptions } from '@vmcraft/core/contracts';
import { CapabilityError, UsageError } from '@vmcraft/core/errors';
import type { VolumeCipher } from './cipher/sector-cipher.js';
import type { Region } from './volume-map.js';

/** Most bytes read and decrypted at once. */
const RUN = 1024 * 1024;

/** How a {@link VolumeDevice} is made. */
export interface VolumeOptions {
  /** For errors: `/dev/mapper/bitlk-…`. */
  readonly name: string;
  readonly size: number;
  readonly sectorSize: 512 | 4096;
  readonly regions: readonly Region[];
  /** Bytes that stand in the place of those at the start. */
  readonly head?: Uint8Array | undefined;
}

/** One read of the device below. */
interface Piece {
  readonly region: Region;
  readonly start: number;
  readonly end: number;
}

/** The contents of a volume in the clear, for reading. Closing it overwrites the keys and leaves the device below open. */
export class VolumeDevice implements BlockDevice {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable = false;
  readonly #parent: BlockDevice;
  readonly #cipher: VolumeCipher;
  readonly #options: VolumeOptions;
  #closed = false;

  constructor(parent: BlockDevice, cipher: VolumeCipher, options: VolumeOptions) {
    this.#parent = parent;
    this.#cipher = cipher;
    this.#options = options;
    this.size = options.size;
    this.sectorSize = options.sectorSize;
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    checkSpan(this.#options.name, this.size, offset, length);
    if (length === 0) return new Uint8Array(0);
    const start = alignDown(offset, this.sectorSize);
    const end = Math.min(this.size, alignUp(offset + length, this.sectorSize));
    const out = new Uint8Array(end - start);
    const pieces = this.#piecesOf(start, end);
    let next = this.#fetch(pieces[0], options);
    for (const [i, { region, start: at }] of pieces.entries()) {
      throwIfAborted(options?.signal, 'read');
      const data = await next;
      // The next piece is under way while this one is decrypted.
      next = this.#fetch(pieces[i + 1], options);
      if (data === undefined) continue;
      const part = out.subarray(at - start, at - start + data.length);
      part.set(data);
      if (this.#closed) throw new UsageError(`${this.#options.name} is closed`);
      if (region.kind === 'encrypted') this.#cipher.decrypt(part, at + region.shift);
    }
    const { head } = this.#options;
    if (head !== undefined && start < head.length) out.set(head.subarray(start, Math.min(end, head.length)));
    return out.subarray(offset - start, offset - start + length);
  }

  async write(): Promise<void> {
    throw CapabilityError.readOnly(this.#options.name, 'BitLocker volumes are only read');
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cipher.close();
  }

  #piecesOf(start: number, end: number): Piece[] {
    const pieces: Piece[] = [];
    const { regions } = this.#options;
    for (let i = firstEndingAfter(regions, start); i < regions.length && regions[i]!.start < end; i++) {
      const region = regions[i]!;
      const stop = Math.min(end, region.end);
      for (let at = Math.max(start, region.start); at < stop; at += RUN) {
        pieces.push({ region, start: at, end: Math.min(stop, at + RUN) });
      }
    }
    return pieces;
  }

  /** Nothing for zeros, and behind the last piece. */
  async #fetch(piece: Piece | undefined, options?: IoOptions): Promise<Uint8Array | undefined> {
    if (piece === undefined || piece.region.kind === 'zero') return undefined;
    const { region, start, end } = piece;
    const data = this.#parent.read(start + region.shift, end - start, options);
    // A failure counts when its turn comes.
    data.catch(() => undefined);
    return data;
  }
}

/** Regions are in order, and there may be a great many while data is encrypted as it is written. */
function firstEndingAfter(regions: readonly Region[], at: number): number {
  let [low, high] = [0, regions.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (regions[middle]!.end <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
