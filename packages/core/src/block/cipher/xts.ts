import type { BlockCipher } from '../../contracts/index.js';
import { BLOCK, CHUNK, storeLittle, wordsOf } from './words.js';

/**
 * XTS (IEEE 1619-2007) made of ECB: C = E(P xor T) xor T. The tweaks T of a whole chunk are computed here, so that the chunk takes
 * one call of the block cipher and not one for each sector.
 */
export class Xts {
  readonly #data: BlockCipher;
  readonly #tweak: BlockCipher;
  readonly #tweaks = new Uint32Array(CHUNK / 4);

  constructor(data: BlockCipher, tweak: BlockCipher) {
    this.#data = data;
    this.#tweak = tweak;
  }

  /** Decrypt one chunk of whole sectors in place; it lies on a boundary of 4 bytes. */
  decrypt(chunk: Uint8Array, vectors: Uint8Array): void {
    this.#run(chunk, vectors, (data) => this.#data.decrypt(data));
  }

  /** Encrypt one chunk; see {@link decrypt}. */
  encrypt(chunk: Uint8Array, vectors: Uint8Array): void {
    this.#run(chunk, vectors, (data) => this.#data.encrypt(data));
  }

  close(): void {
    this.#tweaks.fill(0);
    this.#data.close();
    this.#tweak.close();
  }

  #run(chunk: Uint8Array, vectors: Uint8Array, cipher: (data: Uint8Array) => Uint8Array): void {
    const sectors = vectors.length / BLOCK;
    const words = wordsOf(chunk);
    const tweaks = this.#tweaks;
    fillTweaks(tweaks, this.#tweak.encrypt(vectors), sectors, words.length / sectors);
    for (let i = 0; i < words.length; i++) words[i]! ^= tweaks[i]!;
    const done = wordsOf(cipher(chunk));
    for (let i = 0; i < words.length; i++) words[i] = done[i]! ^ tweaks[i]!;
  }
}

/** The tweak of each block: that of the one before times alpha in GF(2^128) (IEEE 1619-2007, 5.2). */
function fillTweaks(tweaks: Uint32Array, first: Uint8Array, sectors: number, wordsPerSector: number): void {
  const view = new DataView(first.buffer, first.byteOffset, first.length);
  let at = 0;
  for (let sector = 0; sector < sectors; sector++) {
    let t0 = view.getUint32(sector * BLOCK, true);
    let t1 = view.getUint32(sector * BLOCK + 4, true);
    let t2 = view.getUint32(sector * BLOCK + 8, true);
    let t3 = view.getUint32(sector * BLOCK + 12, true);
    for (const end = at + wordsPerSector; at < end; at += 4) {
      tweaks[at] = t0;
      tweaks[at + 1] = t1;
      tweaks[at + 2] = t2;
      tweaks[at + 3] = t3;
      const carry = t3 >>> 31;
      t3 = (t3 << 1) | (t2 >>> 31);
      t2 = (t2 << 1) | (t1 >>> 31);
      t1 = (t1 << 1) | (t0 >>> 31);
      t0 = (t0 << 1) ^ (carry * 0x87);
    }
  }
  storeLittle(tweaks, at);
}
