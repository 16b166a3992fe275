import type { BlockDevice, SlotRequest, StorageContext } from '@vmcraft/core/contracts';
import { UsageError } from '@vmcraft/core/errors';
import { readHeader } from '../header/read-header.js';
import type { Kdf } from '../key/kdf.js';
import { type KeyTools, writeSlotKey } from '../key/slot-area.js';
import { unlock } from '../key/unlock.js';
import { SALT_BYTES } from './format-options.js';
import { slotEditor } from './slot-editor.js';

type NewKeyRequest = SlotRequest & { readonly newKey: Uint8Array };

/** The same cost with a fresh salt. */
const freshly = (kdf: Kdf, random: SlotRequest['randomBytes']): Kdf => ({ ...kdf, salt: random(SALT_BYTES) });

/**
 * Let another key open the container. It costs what the slot of the given key costs.
 * @throws CredentialError when `key` opens nothing; UsageError when the slot is in use or there is no room
 */
export async function addKey(
  device: BlockDevice,
  { deviceName, key, newKey, slot, randomBytes }: NewKeyRequest,
  context: StorageContext,
  tools: KeyTools,
): Promise<void> {
  const header = await readHeader(device, context.warn);
  const editor = slotEditor(device, header);
  const id = editor.freeSlot(slot);
  const { volumeKey, slot: opened } = await unlock(device, header.slots, [key], deviceName, tools);
  try {
    const place = editor.placeFor(id, freshly(opened.kdf, randomBytes));
    await writeSlotKey(device, place, { passphrase: newKey, key: volumeKey }, randomBytes, tools);
    await device.flush();
    await editor.fill(id, place, randomBytes);
  } finally {
    volumeKey.fill(0);
  }
}

/**
 * Put another key in the place of one, in the same slot.
 * @throws CredentialError when `key` does not open it
 */
export async function changeKey(
  device: BlockDevice,
  { deviceName, key, newKey, slot, randomBytes }: NewKeyRequest,
  context: StorageContext,
  tools: KeyTools,
): Promise<void> {
  const header = await readHeader(device, context.warn);
  const among = slot < 0 ? header.slots : header.slots.filter((s) => s.id === slot);
  const { volumeKey, slot: opened } = await unlock(device, among, [key], deviceName, tools);
  try {
    const place = { ...opened, kdf: freshly(opened.kdf, randomBytes) };
    await writeSlotKey(device, place, { passphrase: newKey, key: volumeKey }, randomBytes, tools);
    await device.flush();
    await slotEditor(device, header).fill(opened.id, place, randomBytes);
  } finally {
    volumeKey.fill(0);
  }
}

/**
 * Empty a slot. Another slot has to open with `key`, so that the last way in cannot be lost.
 * @throws CredentialError, UsageError when the slot is empty
 */
export async function killSlot(
  device: BlockDevice,
  { deviceName, key, slot, randomBytes }: SlotRequest,
  context: StorageContext,
  tools: KeyTools,
): Promise<void> {
  const header = await readHeader(device, context.warn);
  const all = header.version === 1 ? header.slots : header.allSlots;
  const victim = all.find((s) => s.id === slot);
  if (victim === undefined) throw new UsageError(`key slot ${slot} is not in use`);
  const others = header.slots.filter((s) => s !== victim);
  const { volumeKey } = await unlock(device, others, [key], deviceName, tools);
  volumeKey.fill(0);
  const { offset, size } = victim.area;
  for (let at = 0; at < size; at += 65536) {
    await device.write(offset + at, randomBytes(Math.min(65536, size - at)));
  }
  await device.flush();
  await slotEditor(device, header).empty(slot, randomBytes);
}
