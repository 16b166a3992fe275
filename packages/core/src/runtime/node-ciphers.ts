import type { Cipher, Decipher } from 'node:crypto';
import type { BlockCipher, Ciphers } from '../contracts/index.js';
import { nodeCrypto } from './node-builtins.js';

/** Block ciphers of OpenSSL, with AES instructions where the processor has them. */
export const nodeCiphers: Ciphers = {
  aes: (key) => new NodeAes(key),
};

/** ECB without padding keeps nothing between calls, so one object per direction serves them all. */
class NodeAes implements BlockCipher {
  #encryptor: Cipher | undefined;
  #decryptor: Decipher | undefined;

  constructor(key: Uint8Array) {
    const algorithm = `aes-${key.length * 8}-ecb`;
    this.#encryptor = nodeCrypto().createCipheriv(algorithm, key, null).setAutoPadding(false);
    this.#decryptor = nodeCrypto().createDecipheriv(algorithm, key, null).setAutoPadding(false);
  }

  encrypt(data: Uint8Array): Uint8Array {
    return this.#encryptor!.update(data);
  }

  decrypt(data: Uint8Array): Uint8Array {
    return this.#decryptor!.update(data);
  }

  /** OpenSSL overwrites its key schedule when a cipher is finished. */
  close(): void {
    this.#encryptor?.final();
    this.#decryptor?.final();
    this.#encryptor = undefined;
    this.#decryptor = undefined;
  }
}
