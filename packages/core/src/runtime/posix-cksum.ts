import type { Hasher } from '../contracts/index.js';

/** Generator polynomial of POSIX cksum(1), most significant bit first. */
const POLYNOMIAL = 0x04c11db7;

const TABLE = new Uint32Array(256);
for (let byte = 0; byte < TABLE.length; byte++) {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? POLYNOMIAL : 0);
  TABLE[byte] = crc;
}

/** The checksum of POSIX cksum(1): a CRC over the bytes and then over their count. */
export class PosixCksum implements Hasher {
  #crc = 0;
  #length = 0;

  update(chunk: Uint8Array): void {
    let crc = this.#crc;
    for (let i = 0; i < chunk.length; i++) crc = (crc << 8) ^ TABLE[(crc >>> 24) ^ chunk[i]!]!;
    this.#crc = crc;
    this.#length += chunk.length;
  }

  digest(): string {
    const length: number[] = [];
    for (let rest = this.#length; rest > 0; rest = Math.floor(rest / 256)) length.push(rest % 256);
    let crc = this.#crc;
    for (const byte of length) crc = (crc << 8) ^ TABLE[(crc >>> 24) ^ byte]!;
    return String(~crc >>> 0);
  }
}
