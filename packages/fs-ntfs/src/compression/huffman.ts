import { CorruptImageError } from '@vmcraft/core/errors';

/** Codes of at most this many bits are found in one look; longer ones are rare by nature. */
const FAST_BITS = 10;
const MAX_BITS = 16;

/**
 * Decoder of one canonical prefix code, rebuilt in place for every block.
 *
 * Codes of the same length are given out in the order of their symbols, shorter codes first ([MS-XCA] §2.2.4, [MS-PATCH] §2.2).
 */
export class HuffmanDecoder {
  /** By the next {@link FAST_BITS} bits: symbol × 16 + length; 0 where the code is longer. */
  private readonly fast = new Uint16Array(1 << FAST_BITS);
  /** Symbols in the order of their codes. */
  private readonly sorted: Uint16Array;
  private readonly counts = new Int32Array(MAX_BITS + 1);
  /** By length: the first 16-bit left-aligned value beyond the codes of that length. */
  private readonly limits = new Int32Array(MAX_BITS + 1);
  /** By length: what to add to a code, right-aligned, for its place in `sorted`. */
  private readonly shifts = new Int32Array(MAX_BITS + 1);
  private readonly next = new Int32Array(MAX_BITS + 1);

  /** @param structure name of the code in errors */
  constructor(
    private readonly structure: string,
    symbols: number,
  ) {
    this.sorted = new Uint16Array(symbols);
  }

  /**
   * Take the code with these lengths in bits, 0 for symbols that do not occur.
   * @param mayBeEmpty a code without any symbol is allowed; to decode with it is an error
   * @throws CorruptImageError when the lengths are no complete prefix code
   */
  build(lengths: Uint8Array, mayBeEmpty = false): void {
    const { counts, limits, shifts, next, sorted, fast } = this;
    counts.fill(0);
    for (let i = 0; i < lengths.length; i++) counts[lengths[i]!]!++;
    let code = 0;
    let place = 0;
    for (let length = 1; length <= MAX_BITS; length++) {
      code <<= 1;
      shifts[length] = place - code;
      next[length] = place;
      code += counts[length]!;
      place += counts[length]!;
      limits[length] = code << (MAX_BITS - length);
      if (limits[length]! > 1 << MAX_BITS) throw this.broken('more codes than fit');
    }
    if (code !== 1 << MAX_BITS && !(mayBeEmpty && place === 0)) throw this.broken('codes are missing');
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol]!;
      if (length !== 0) sorted[next[length]!++] = symbol;
    }
    this.fill(fast);
  }

  private fill(fast: Uint16Array): void {
    let at = 0;
    let place = 0;
    for (let length = 1; length <= FAST_BITS; length++) {
      const width = 1 << (FAST_BITS - length);
      for (let i = this.counts[length]!; i > 0; i--) {
        fast.fill((this.sorted[place++]! << 4) | length, at, at + width);
        at += width;
      }
    }
    fast.fill(0, at);
  }

  /**
   * The symbol whose code begins `bits`, the next 16 bits of the stream: symbol × 32 + length of its code.
   * @throws CorruptImageError when no code begins so
   */
  decode(bits: number): number {
    const entry = this.fast[bits >>> (MAX_BITS - FAST_BITS)]!;
    return entry !== 0 ? ((entry >>> 4) << 5) | (entry & 15) : this.decodeLong(bits);
  }

  private decodeLong(bits: number): number {
    for (let length = FAST_BITS + 1; length <= MAX_BITS; length++) {
      if (bits < this.limits[length]!) {
        const place = (bits >>> (MAX_BITS - length)) + this.shifts[length]!;
        return (this.sorted[place]! << 5) | length;
      }
    }
    throw this.broken('no code begins so');
  }

  private broken(reason: string): CorruptImageError {
    return new CorruptImageError({ structure: this.structure, reason });
  }
}
