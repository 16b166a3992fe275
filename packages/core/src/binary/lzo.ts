import { CorruptImageError } from '../errors/index.js';
import { copyMatch } from './lz4.js';

/*
 * LZO1X as the Linux kernel describes the stream: Documentation/staging/lzo.rst, "LZO stream format as understood by Linux' LZO
 * decompressor". The comments give the bit patterns of that page.
 */

/** A first byte above this gives literals at once. */
const FIRST_LITERALS = 17;
/** State after a run of literals; states 0 to 3 count the literals that followed a match. */
const AFTER_RUN = 4;

/** Where a decoder is. */
class LzoDecoder {
  readonly out: Uint8Array;
  from = 0;
  to = 0;
  state = 0;

  constructor(
    private readonly data: Uint8Array,
    limit: number,
  ) {
    this.out = new Uint8Array(limit);
  }

  byte(): number {
    const value = this.data[this.from++];
    if (value === undefined) throw this.broken('the stream ends early');
    return value;
  }

  /** `base` and then zeros that count 255 each, up to the first byte that is not zero. */
  length(bits: number, base: number): number {
    if (bits !== 0) return bits;
    let total = base;
    for (;;) {
      const value = this.byte();
      if (value !== 0) return total + value;
      total += 255;
      if (total > this.out.length) throw this.broken('a length is too large');
    }
  }

  literals(count: number): void {
    if (this.from + count > this.data.length || this.to + count > this.out.length) {
      throw this.broken('literals do not fit');
    }
    this.out.set(this.data.subarray(this.from, this.from + count), this.to);
    this.from += count;
    this.to += count;
  }

  /** Repeat what was unpacked, then take the literals that belong to the instruction. */
  match(distance: number, length: number, literals: number): void {
    if (distance > this.to || this.to + length > this.out.length) throw this.broken('a match does not fit');
    copyMatch(this.out, this.to, distance, length);
    this.to += length;
    this.state = literals;
    this.literals(literals);
  }

  /** One instruction; false at the end of the stream. */
  step(): boolean {
    const code = this.byte();
    if (code >= 64) {
      // 1 L L D D D S S, 0 1 L D D D S S, then H: distance = (H << 3) + D + 1
      const length = code >= 128 ? 5 + ((code >> 5) & 3) : 3 + ((code >> 5) & 1);
      this.match((this.byte() << 3) + ((code >> 2) & 7) + 1, length, code & 3);
    } else if (code >= 32) {
      // 0 0 1 L L L L L, then LE16: D D D D D D D D : D D D D D D S S
      const length = 2 + this.length(code & 31, 31);
      const word = this.byte() | (this.byte() << 8);
      this.match((word >> 2) + 1, length, word & 3);
    } else if (code >= 16) {
      // 0 0 0 1 H L L L, then LE16: distance = 16384 + (H << 14) + D; exactly 16384 ends the stream
      const length = 2 + this.length(code & 7, 7);
      const word = this.byte() | (this.byte() << 8);
      const distance = 16384 + ((code & 8) << 11) + (word >> 2);
      if (distance === 16384) return false;
      this.match(distance, length, word & 3);
    } else this.short(code);
    return true;
  }

  /** 0 0 0 0 X X X X: what it means depends on the literals before it. */
  short(code: number): void {
    if (this.state === 0) {
      this.literals(3 + this.length(code, 15));
      this.state = AFTER_RUN;
      return;
    }
    const distance = (this.byte() << 2) + (code >> 2) + 1;
    if (this.state === AFTER_RUN) this.match(distance + 2048, 3, code & 3);
    else this.match(distance, 2, code & 3);
  }

  broken(reason: string): CorruptImageError {
    return new CorruptImageError({
      structure: 'LZO stream',
      reason: `${reason}, at byte ${this.from} of the packed data`,
      citation: 'lzo.rst',
    });
  }
}

/**
 * Unpack an LZO1X stream.
 * @param limit bytes that may come out
 * @throws CorruptImageError when the stream is broken or longer
 */
export function decompressLzo(data: Uint8Array, limit: number): Uint8Array {
  const decoder = new LzoDecoder(data, limit);
  const first = data[0] ?? 0;
  if (first > FIRST_LITERALS) {
    decoder.from = 1;
    decoder.literals(first - FIRST_LITERALS);
    decoder.state = Math.min(first - FIRST_LITERALS, AFTER_RUN);
  }
  while (decoder.step());
  return decoder.out.subarray(0, decoder.to);
}
