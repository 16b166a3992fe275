import type { BlockCipher } from '@vmcraft/core/contracts';

/** ECB: equal blocks stay equal. Only old containers have it. */
export class Ecb {
  readonly #cipher: BlockCipher;

  constructor(cipher: BlockCipher) {
    this.#cipher = cipher;
  }

  decrypt(chunk: Uint8Array): void {
    chunk.set(this.#cipher.decrypt(chunk));
  }

  encrypt(chunk: Uint8Array): void {
    chunk.set(this.#cipher.encrypt(chunk));
  }

  close(): void {
    this.#cipher.close();
  }
}
