import { decodeUtf8, toSafeInteger, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { SPECIFICATION } from './layout.js';

/** Reads the fields of one record, which have no fixed places. */
export class RecordReader {
  #at = 0;

  constructor(
    private readonly data: Uint8Array,
    private readonly structure: string,
  ) {}

  /** The next `length` bytes. @throws CorruptImageError when the record ends before */
  take(length: number): Uint8Array {
    const part = this.data.subarray(this.#at, this.#at + length);
    this.#at += length;
    if (part.length === length) return part;
    const reason = `ends ${length - part.length} bytes too early`;
    throw new CorruptImageError({ structure: this.structure, reason, citation: SPECIFICATION });
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  /** A number with its length in front. @throws CorruptImageError when it is longer than 8 bytes */
  number(): number {
    const length = this.byte();
    if (length > 8)
      throw new CorruptImageError({ structure: this.structure, field: 'number', expected: 8, found: length });
    const value = this.take(length).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    return toSafeInteger(value, this.structure);
  }

  text(): string {
    return decodeUtf8(this.take(this.byte())).replace(/\0.*$/su, '');
  }

  /** A number of 8 bytes. */
  fixed(): number {
    return toSafeInteger(viewOf(this.take(8)).getBigUint64(0), this.structure);
  }
}
