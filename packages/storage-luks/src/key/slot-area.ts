import { SliceDevice } from '@vmcraft/core/block';
import type { BlockDevice, Ciphers } from '@vmcraft/core/contracts';
import { makeSectorCipher } from '../cipher/sector-cipher.js';
import type { KeySlot } from '../header/model.js';
import { SECTOR } from '../layout.js';
import { mergeKey, splitKey } from './anti-forensic.js';
import { deriveKey } from './kdf.js';
import type { LuksLimits } from './limits.js';

/** What work with keys needs from its surroundings. */
export interface KeyTools {
  readonly ciphers?: Ciphers | undefined;
  readonly limits: LuksLimits;
}

/** Where and how a key is kept. */
export type SlotPlace = Pick<KeySlot, 'keyBytes' | 'kdf' | 'af' | 'area'>;

/** Bytes of the area that are in use: whole sectors. */
function usedBytes(slot: SlotPlace): number {
  return Math.ceil((slot.keyBytes * slot.af.stripes) / SECTOR) * SECTOR;
}

/**
 * The key that a slot gives for a passphrase; a wrong passphrase gives a wrong key, which its digest tells.
 * @throws TruncatedImageError, LimitExceededError, UnsupportedFeatureError
 */
export async function readSlotKey(
  device: BlockDevice,
  slot: SlotPlace,
  passphrase: Uint8Array,
  tools: KeyTools,
): Promise<Uint8Array> {
  const length = usedBytes(slot);
  const window = new SliceDevice(device, slot.area.offset, length, { name: 'LUKS key slot' });
  const stripes = (await window.read(0, length)).slice();
  const cipher = await areaCipher(slot, passphrase, tools);
  try {
    cipher.decrypt(stripes, 0);
    return await mergeKey(stripes, slot.keyBytes, slot.af);
  } finally {
    cipher.close();
    stripes.fill(0);
  }
}

/** Write a key into the area of a slot, so that a passphrase gives it back. */
export async function writeSlotKey(
  device: BlockDevice,
  slot: SlotPlace,
  secret: { readonly passphrase: Uint8Array; readonly key: Uint8Array },
  random: (length: number) => Uint8Array,
  tools: KeyTools,
): Promise<void> {
  const split = await splitKey(secret.key, slot.af, random);
  const stripes = new Uint8Array(usedBytes(slot));
  stripes.set(split);
  split.fill(0);
  const cipher = await areaCipher(slot, secret.passphrase, tools);
  try {
    cipher.encrypt(stripes, 0);
    await device.write(slot.area.offset, stripes);
  } finally {
    cipher.close();
    stripes.fill(0);
  }
}

async function areaCipher(slot: SlotPlace, passphrase: Uint8Array, tools: KeyTools) {
  const derived = await deriveKey(passphrase, slot.kdf, slot.area.keyBytes, tools.limits);
  try {
    return await makeSectorCipher(slot.area.cipher, derived, { ciphers: tools.ciphers });
  } finally {
    derived.fill(0);
  }
}
