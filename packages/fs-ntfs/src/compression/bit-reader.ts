import { CorruptImageError } from '@vmcraft/core/errors';

/**
 * Bits of a stream of 16-bit little-endian words, high bit first, with whole bytes in between, as XPRESS Huffman and LZX have it.
 * Past the end there are zeros; {@link BitReader.checkEnd} says whether they were used.
 */
export class BitReader {
  /** Position of the next byte not yet taken into the bit buffer. */
  position: number;
  /** The low `count` bits are those not yet used. */
  private hold = 0;
  private count = 0;

  /** @param structure name of the stream in errors */
  constructor(
    private readonly structure: string,
    readonly source: Uint8Array,
    position = 0,
  ) {
    this.position = position;
  }

  /** The next 16 bits, which stay. */
  peek16(): number {
    if (this.count < 16) this.refill();
    return (this.hold >>> (this.count - 16)) & 0xffff;
  }

  /** Pass over bits that `peek16` has shown; at most 16. */
  skip(bits: number): void {
    this.count -= bits;
  }

  /** The next `bits` bits as a number; at most 16. */
  take(bits: number): number {
    if (bits === 0) return 0;
    if (this.count < bits) this.refill();
    this.count -= bits;
    return (this.hold >>> this.count) & ((1 << bits) - 1);
  }

  private refill(): void {
    const { source, position } = this;
    const word = position < source.length ? source[position]! | ((source[position + 1] ?? 0) << 8) : 0;
    this.hold = (this.hold << 16) | word;
    this.count += 16;
    this.position = position + 2;
  }

  /** A byte from behind the words in the bit buffer. */
  byte(): number {
    if (this.position >= this.source.length) throw this.ended();
    return this.source[this.position++]!;
  }

  u16(): number {
    const low = this.byte();
    return low | (this.byte() << 8);
  }

  u32(): number {
    const low = this.u16();
    return (low | (this.u16() << 16)) >>> 0;
  }

  /** Drop bits up to the next word; a whole word when the stream is at one already. What follows is at `position`. */
  alignToWord(): void {
    if (this.count === 0) this.position += 2;
    else if (this.count > 16) this.position -= 2;
    this.count = 0;
    this.hold = 0;
  }

  /** @throws CorruptImageError when more was taken than the stream has */
  checkEnd(): void {
    if (this.position - (this.count >> 3) > this.source.length) throw this.ended();
  }

  private ended(): CorruptImageError {
    return new CorruptImageError({
      structure: this.structure,
      offset: this.source.length,
      reason: 'the stream ends too early',
    });
  }
}
