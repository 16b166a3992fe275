import { ecb } from '@noble/ciphers/aes.js';
import type { BlockCipher, Ciphers } from '../../contracts/index.js';

/** AES in JavaScript, for hosts without block ciphers of their own; some twenty times slower than a processor's. */
export const portableCiphers: Ciphers = {
  aes: (key) => new PortableAes(key),
};

class PortableAes implements BlockCipher {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key.slice();
  }

  encrypt(data: Uint8Array): Uint8Array {
    return ecb(this.#key, { disablePadding: true }).encrypt(data);
  }

  decrypt(data: Uint8Array): Uint8Array {
    return ecb(this.#key, { disablePadding: true }).decrypt(data);
  }

  close(): void {
    this.#key.fill(0);
  }
}
