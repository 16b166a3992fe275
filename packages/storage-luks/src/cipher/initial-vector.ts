import { CIPHER_BLOCK as BLOCK } from '@vmcraft/core/block';
import type { BlockCipher } from '@vmcraft/core/contracts';
import type { IvName } from './spec.js';

const TWO_32 = 2 ** 32;

/** Initial vectors of sectors, many at once (dm-crypt.rst, "Initialization vector"). */
export class InitialVectors {
  readonly #name: IvName;
  readonly #essiv: BlockCipher | undefined;

  /** @param essiv the cipher whose key is the hash of the volume key; only for ESSIV */
  constructor(name: IvName, essiv?: BlockCipher) {
    this.#name = name;
    this.#essiv = essiv;
  }

  /**
   * The vectors of `count` sectors, 16 bytes each.
   * @param first number of the first sector
   * @param step what the number grows by from sector to sector
   */
  make(first: number, count: number, step: number): Uint8Array {
    const out = new Uint8Array(count * BLOCK);
    if (this.#name === 'null') return out;
    const view = new DataView(out.buffer);
    for (let i = 0; i < count; i++) {
      const number = first + i * step;
      const low = number % TWO_32;
      const high = Math.floor(number / TWO_32);
      const at = i * BLOCK;
      if (this.#name === 'plain64be') {
        view.setUint32(at + 8, high);
        view.setUint32(at + 12, low);
        continue;
      }
      view.setUint32(at, low, true);
      if (this.#name !== 'plain') view.setUint32(at + 4, high, true);
    }
    return this.#essiv === undefined ? out : this.#essiv.encrypt(out);
  }

  close(): void {
    this.#essiv?.close();
  }
}
