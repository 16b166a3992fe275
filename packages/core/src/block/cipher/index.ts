import type { Ciphers } from '../../contracts/index.js';

export { Cbc } from './cbc.js';
export { BLOCK as CIPHER_BLOCK, CHUNK as CIPHER_CHUNK } from './words.js';
export { Xts } from './xts.js';

/** AES in JavaScript, for hosts that have no {@link Ciphers} of their own. Loaded when first needed: it makes its tables then. */
export async function portableCiphers(): Promise<Ciphers> {
  return (await import('./aes.js')).portableCiphers;
}
