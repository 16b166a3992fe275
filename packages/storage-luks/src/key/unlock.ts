import { equalBytes } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, CredentialError } from '@vmcraft/core/errors';
import type { KeyDigest, KeySlot } from '../header/model.js';
import { LUKS1_DIGEST } from '../layout.js';
import { hashByName } from './hash.js';
import { deriveKey } from './kdf.js';
import type { LuksLimits } from './limits.js';
import { type KeyTools, readSlotKey } from './slot-area.js';

/** A key that fits, and the slot that gave it. The caller overwrites `volumeKey` after use. */
export interface Unlocked {
  readonly volumeKey: Uint8Array;
  readonly slot: KeySlot;
}

/** Whether a key is the one that a digest stands for. */
export async function matchesDigest(key: Uint8Array, digest: KeyDigest, limits: LuksLimits): Promise<boolean> {
  const { hash, iterations, salt } = digest;
  await requireWhole(digest);
  const found = await deriveKey(key, { type: 'pbkdf2', hash, iterations, salt }, digest.digest.length, limits);
  return equalBytes(found, digest.digest);
}

/** A digest that is cut short would take wrong keys for right ones. */
async function requireWhole({ hash, digest }: KeyDigest): Promise<void> {
  const { digestSize } = await hashByName(hash);
  if (digest.length === digestSize || digest.length === LUKS1_DIGEST) return;
  throw new CorruptImageError({
    structure: 'LUKS digest',
    field: 'length',
    expected: digestSize,
    found: digest.length,
  });
}

/**
 * Try keys on slots, in the order given, until one fits. A slot of priority 0 is only tried when it is the only one.
 * @param subject for the error: the device name
 * @throws CredentialError when there is no key, or none fits
 */
export async function unlock(
  device: BlockDevice,
  slots: readonly KeySlot[],
  keys: readonly Uint8Array[],
  subject: string,
  tools: KeyTools,
): Promise<Unlocked> {
  if (keys.length === 0) throw new CredentialError({ subject, wrong: false, slots: slots.length });
  const usable = slots.length === 1 ? slots : slots.filter((s) => s.priority > 0);
  for (const passphrase of keys) {
    for (const slot of usable) {
      const volumeKey = await readSlotKey(device, slot, passphrase, tools);
      if (await matchesDigest(volumeKey, slot.digest, tools.limits)) return { volumeKey, slot };
      volumeKey.fill(0);
    }
  }
  throw new CredentialError({ subject, wrong: true, slots: usable.length });
}
