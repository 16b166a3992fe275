import type { BlockCipher } from '../../contracts/index.js';
import { BLOCK, wordsOf } from './words.js';

const BLOCK_WORDS = BLOCK / 4;

/**
 * CBC of many sectors made of ECB. To decrypt is one call: P = D(C) xor the block before. To encrypt goes block by block, but
 * through all sectors of the chunk at once.
 */
export class Cbc {
  readonly #cipher: BlockCipher;

  constructor(cipher: BlockCipher) {
    this.#cipher = cipher;
  }

  /** Decrypt one chunk of whole sectors in place; it lies on a boundary of 4 bytes. */
  decrypt(chunk: Uint8Array, vectors: Uint8Array): void {
    const words = wordsOf(chunk);
    const plain = wordsOf(this.#cipher.decrypt(chunk));
    const iv = wordsOf(vectors);
    const perSector = (words.length * BLOCK) / vectors.length;
    for (let i = words.length - 1; i >= BLOCK_WORDS; i--) plain[i]! ^= words[i - BLOCK_WORDS]!;
    for (let sector = 0; sector * BLOCK < vectors.length; sector++) {
      const start = sector * perSector;
      for (let w = 0; w < BLOCK_WORDS; w++) {
        // What the loop above took from the sector before is put back: its place is the vector's.
        if (sector > 0) plain[start + w]! ^= words[start + w - BLOCK_WORDS]!;
        plain[start + w]! ^= iv[sector * BLOCK_WORDS + w]!;
      }
    }
    words.set(plain);
  }

  /** Encrypt one chunk; see {@link decrypt}. */
  encrypt(chunk: Uint8Array, vectors: Uint8Array): void {
    const words = wordsOf(chunk);
    const sectors = vectors.length / BLOCK;
    const perSector = words.length / sectors;
    let before = wordsOf(vectors);
    const column = new Uint8Array(vectors.length);
    const mixed = wordsOf(column);
    for (let at = 0; at < perSector; at += BLOCK_WORDS) {
      for (let s = 0, i = 0; s < sectors; s++) {
        for (let w = 0; w < BLOCK_WORDS; w++, i++) mixed[i] = words[s * perSector + at + w]! ^ before[i]!;
      }
      before = wordsOf(this.#cipher.encrypt(column));
      for (let s = 0, i = 0; s < sectors; s++) {
        for (let w = 0; w < BLOCK_WORDS; w++, i++) words[s * perSector + at + w] = before[i]!;
      }
    }
    column.fill(0);
  }

  close(): void {
    this.#cipher.close();
  }
}
