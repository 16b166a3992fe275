import { equalBytes } from '@vmcraft/core/binary';
import type { BlockCipher } from '@vmcraft/core/contracts';
import type { WrappedKey } from '../metadata/model.js';

const BLOCK = 16;
/** Flags of the first block (RFC 3610, 2.2): a MAC of 16 bytes, a length of 3, no additional data. */
const FLAGS = 0x3a;
/** Flags of a counter block (RFC 3610, 2.3): a length of 3 bytes. */
const COUNTER_FLAGS = 0x02;

/**
 * Decrypt with AES-CCM (RFC 3610), nonce of 12 and MAC of 16 bytes. Undefined when the MAC does not fit: it is another key. The
 * caller overwrites the bytes after use.
 */
export function openCcm(cipher: BlockCipher, { nonce, mac, data }: WrappedKey): Uint8Array | undefined {
  const count = Math.ceil(data.length / BLOCK) + 1;
  const counters = new Uint8Array(count * BLOCK);
  for (let i = 0; i < count; i++) {
    counters[i * BLOCK] = COUNTER_FLAGS;
    counters.set(nonce, i * BLOCK + 1);
    counters.set([i >>> 16, i >>> 8, i], (i + 1) * BLOCK - 3);
  }
  const stream = cipher.encrypt(counters);
  const plain = data.map((byte, i) => byte ^ stream[BLOCK + i]!);
  const sum = macOf(cipher, nonce, plain).map((byte, i) => byte ^ stream[i]!);
  stream.fill(0);
  if (equalBytes(sum, mac)) return plain;
  plain.fill(0);
  return undefined;
}

/** CBC-MAC over the length and the data (RFC 3610, 2.2). */
function macOf(cipher: BlockCipher, nonce: Uint8Array, plain: Uint8Array): Uint8Array {
  let state = new Uint8Array(BLOCK);
  state[0] = FLAGS;
  state.set(nonce, 1);
  state.set([plain.length >>> 16, plain.length >>> 8, plain.length], BLOCK - 3);
  state = cipher.encrypt(state).slice();
  for (let at = 0; at < plain.length; at += BLOCK) {
    for (const [i, byte] of plain.subarray(at, at + BLOCK).entries()) state[i]! ^= byte;
    state = cipher.encrypt(state).slice();
  }
  return state;
}
