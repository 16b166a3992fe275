import { alignUp } from '@vmcraft/core/binary';
import { writeZeroes } from '@vmcraft/core/block';
import type { BlockDevice, FormatContainerRequest } from '@vmcraft/core/contracts';
import { UsageError } from '@vmcraft/core/errors';
import { Fields, toBase64 } from '../header/json-fields.js';
import { stripeBytes } from '../header/luks1.js';
import { hashByName } from '../key/hash.js';
import { deriveKey } from '../key/kdf.js';
import { type KeyTools, type SlotPlace, writeSlotKey } from '../key/slot-area.js';
import * as L from '../layout.js';
import { type FormatPlan, planFormat, SALT_BYTES } from './format-options.js';
import { slotJson, writeMetadata } from './luks2-write.js';

/** Where the payload of LUKS2 begins unless the device is small: cryptsetup's place. */
const LUKS2_PAYLOAD = 16 << 20;
const LUKS2_SMALL_PAYLOAD = 1 << 20;
const LUKS2_HEADER = 0x4000;

/**
 * Make a container; what the device held is lost.
 * @throws UsageError when the device is too small, UnsupportedFeatureError, CapabilityError
 */
export async function formatContainer(
  device: BlockDevice,
  request: FormatContainerRequest,
  tools: KeyTools,
): Promise<void> {
  const plan = await planFormat(request, device.sectorSize);
  const volumeKey = plan.randomBytes(plan.keyBytes);
  try {
    if (plan.version === 1) await formatLuks1(device, plan, request.key, volumeKey, tools);
    else await formatLuks2(device, plan, request.key, volumeKey, tools);
  } finally {
    volumeKey.fill(0);
  }
  await device.flush();
}

async function digestOfKey(plan: FormatPlan, key: Uint8Array, salt: Uint8Array, length: number, tools: KeyTools) {
  const { hash, digestIterations: iterations } = plan;
  return deriveKey(key, { type: 'pbkdf2', hash, salt, iterations }, length, tools.limits);
}

/** Everything up to the payload reads as zeros: signatures of what was there before are gone. */
async function clear(device: BlockDevice, payload: number): Promise<void> {
  if (device.size < payload + L.LUKS2_ALIGN) {
    throw new UsageError(`the device is too small: ${device.size} bytes, the header alone takes ${payload}`);
  }
  await writeZeroes(device, 0, payload, { allocate: true });
}

/** LUKS1 On-Disk Format 1.2.3, section 4.1. */
async function formatLuks1(
  device: BlockDevice,
  plan: FormatPlan,
  passphrase: Uint8Array,
  volumeKey: Uint8Array,
  tools: KeyTools,
): Promise<void> {
  const { kdf, cipher, hash, keyBytes, randomBytes } = plan;
  if (kdf.type !== 'pbkdf2') throw new UsageError('LUKS1 has PBKDF2 only', { argument: 'pbkdf' });
  const area = stripeBytes(keyBytes, L.STRIPES);
  const step = alignUp(area, L.SLOT_ALIGN);
  const payload = alignUp(L.SLOT_ALIGN + L.LUKS1_SLOTS * step, L.PAYLOAD_ALIGN);
  await clear(device, payload);
  const offsetOf = (id: number): number => L.SLOT_ALIGN + id * step;
  const place: SlotPlace = {
    keyBytes,
    kdf,
    af: { hash, stripes: L.STRIPES },
    area: { offset: offsetOf(plan.slot), size: area, cipher, keyBytes },
  };
  await writeSlotKey(device, place, { passphrase, key: volumeKey }, randomBytes, tools);
  const mkDigestSalt = randomBytes(SALT_BYTES);
  const [cipherName = '', ...mode] = cipher.split('-');
  const header = L.Luks1Phdr.encode({
    magic: L.MAGIC,
    version: 1,
    cipherName,
    cipherMode: mode.join('-'),
    hashSpec: hash,
    payloadOffset: payload / L.SECTOR,
    keyBytes,
    mkDigest: await digestOfKey(plan, volumeKey, mkDigestSalt, L.LUKS1_DIGEST, tools),
    mkDigestSalt,
    mkDigestIterations: plan.digestIterations,
    uuid: plan.uuid,
    slots: Array.from({ length: L.LUKS1_SLOTS }, (_, id) => {
      const used = id === plan.slot;
      return {
        active: used ? L.SlotState.active : L.SlotState.dead,
        iterations: used ? kdf.iterations : 0,
        salt: used ? kdf.salt : new Uint8Array(SALT_BYTES),
        keyMaterialOffset: offsetOf(id) / L.SECTOR,
        stripes: L.STRIPES,
      };
    }),
  });
  await device.write(0, header);
}

/** LUKS2 On-Disk Format 1.1.2, sections 2 and 3. */
async function formatLuks2(
  device: BlockDevice,
  plan: FormatPlan,
  passphrase: Uint8Array,
  volumeKey: Uint8Array,
  tools: KeyTools,
): Promise<void> {
  const { kdf, cipher, hash, keyBytes, randomBytes, slot } = plan;
  const payload = device.size >= 2 * LUKS2_PAYLOAD ? LUKS2_PAYLOAD : LUKS2_SMALL_PAYLOAD;
  await clear(device, payload);
  const slotArea = { start: LUKS2_HEADER * 2, end: payload };
  const size = alignUp(keyBytes * L.STRIPES, L.LUKS2_ALIGN);
  const area = { offset: slotArea.start, size, cipher, keyBytes };
  const place: SlotPlace = { keyBytes, kdf, af: { hash, stripes: L.STRIPES }, area };
  await writeSlotKey(device, place, { passphrase, key: volumeKey }, randomBytes, tools);
  const salt = randomBytes(SALT_BYTES);
  const { digestSize } = await hashByName(hash);
  const digest = await digestOfKey(plan, volumeKey, salt, digestSize, tools);
  const metadata = {
    keyslots: { [slot]: slotJson(place) },
    tokens: {},
    segments: {
      0: {
        type: 'crypt',
        offset: String(payload),
        size: 'dynamic',
        iv_tweak: '0',
        encryption: cipher,
        sector_size: plan.sectorSize,
      },
    },
    digests: {
      0: {
        type: 'pbkdf2',
        keyslots: [String(slot)],
        segments: ['0'],
        hash,
        iterations: plan.digestIterations,
        salt: toBase64(salt),
        digest: toBase64(digest),
      },
    },
    config: {
      json_size: String(LUKS2_HEADER - L.Luks2Binary.size),
      keyslots_size: String(slotArea.end - slotArea.start),
    },
  };
  const binary = {
    size: LUKS2_HEADER,
    sequence: 0,
    label: plan.label,
    subsystem: '',
    uuid: plan.uuid,
    checksumAlgorithm: 'sha256',
    metadata: new Fields(metadata, ''),
  };
  await writeMetadata(device, binary, randomBytes);
}
