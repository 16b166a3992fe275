import { createSha256, digest } from './hash.js';

/** libbde, "Recovery key": rounds of hashing. */
const ROUNDS = 0x100000;
/** Last hash, initial hash, salt, count. */
const STATE = 88;

/**
 * The key that a digest of a password or recovery key becomes (libbde, "Recovery key" and "User key"). Takes about a second; the
 * caller overwrites it after use.
 */
export async function stretchKey(initial: Uint8Array, salt: Uint8Array): Promise<Uint8Array> {
  const hasher = await createSha256();
  const state = new Uint8Array(STATE);
  const view = new DataView(state.buffer);
  state.set(initial, 32);
  state.set(salt, 64);
  for (let count = 0; count < ROUNDS; count++) {
    view.setUint32(80, count, true);
    state.set(digest(hasher, state));
  }
  const key = state.slice(0, 32);
  state.fill(0);
  return key;
}
