import { equalBytes, viewOf } from '@vmcraft/core/binary';
import type { Ciphers } from '@vmcraft/core/contracts';
import { CorruptImageError, CredentialError } from '@vmcraft/core/errors';
import { EntryHeader, KEY_HEAD, Protection, SPECIFICATION, TWEAK_KEY_OFFSET } from '../layout.js';
import type { Metadata, Protector, WrappedKey } from '../metadata/model.js';
import { openCcm } from './ccm.js';
import { createSha256, digest } from './hash.js';
import { describeProtectors } from './protectors.js';
import { parseExternalKeys, parseRecoveryKey, passwordDigest, recoveryDigest } from './secrets.js';
import { stretchKey } from './stretch.js';

const VMK_BYTES = 32;

/** Keys of the sectors. The caller overwrites them after use. */
export interface VolumeKeys {
  readonly sector: Uint8Array;
  /** Only with the diffuser. */
  readonly tweak?: Uint8Array;
}

/**
 * The keys of the sectors, with the first secret that opens a protector; a clear key needs none.
 * @param subject for errors: the device name
 * @throws CredentialError when there is no secret, or none fits; CorruptImageError when what a key opened is damaged
 */
export async function unlock(
  metadata: Metadata,
  secrets: readonly Uint8Array[],
  subject: string,
  ciphers: Ciphers,
): Promise<VolumeKeys> {
  const vmk = (await openClear(metadata, ciphers)) ?? (await trySecrets(metadata, secrets, ciphers));
  if (vmk === undefined) {
    const { protectors } = metadata;
    const reason = describeProtectors(protectors);
    throw new CredentialError({ subject, wrong: secrets.length > 0, slots: protectors.length, reason });
  }
  try {
    await checkSeal(metadata, vmk, ciphers);
    return sectorKeys(metadata, vmk, ciphers);
  } finally {
    vmk.fill(0);
  }
}

/** Whether the metadata itself holds a key. */
export function hasClearKey({ protectors }: Metadata): boolean {
  return protectors.some((p) => p.protection === Protection.clear && p.clearKey !== undefined);
}

async function openClear({ protectors }: Metadata, ciphers: Ciphers): Promise<Uint8Array | undefined> {
  for (const protector of protectors) {
    if (protector.protection !== Protection.clear || protector.clearKey === undefined) continue;
    const vmk = openWith(protector, protector.clearKey, ciphers);
    if (vmk !== undefined) return vmk;
  }
  return undefined;
}

async function trySecrets(
  { protectors }: Metadata,
  secrets: readonly Uint8Array[],
  ciphers: Ciphers,
): Promise<Uint8Array | undefined> {
  const ofKind = (kind: number): readonly Protector[] => protectors.filter((p) => p.protection === kind);
  for (const secret of secrets) {
    for (const { id, key } of parseExternalKeys(secret)) {
      const own = ofKind(Protection.external).find((p) => p.id === id);
      const vmk = own === undefined ? undefined : openWith(own, key, ciphers);
      if (vmk !== undefined) return vmk;
    }
    const recovery = parseRecoveryKey(secret);
    if (recovery !== undefined) {
      const initial = await recoveryDigest(recovery);
      recovery.fill(0);
      const vmk = await openStretched(ofKind(Protection.recovery), initial, ciphers);
      if (vmk !== undefined) return vmk;
    }
    const vmk = await openStretched(ofKind(Protection.password), await passwordDigest(secret), ciphers);
    if (vmk !== undefined) return vmk;
  }
  return undefined;
}

/** Overwrites `initial`. */
async function openStretched(
  protectors: readonly Protector[],
  initial: Uint8Array,
  ciphers: Ciphers,
): Promise<Uint8Array | undefined> {
  try {
    for (const protector of protectors) {
      if (protector.salt === undefined) continue;
      const key = await stretchKey(initial, protector.salt);
      const vmk = openWith(protector, key, ciphers);
      key.fill(0);
      if (vmk !== undefined) return vmk;
    }
    return undefined;
  } finally {
    initial.fill(0);
  }
}

function openWith({ wrapped }: Protector, key: Uint8Array, ciphers: Ciphers): Uint8Array | undefined {
  if (wrapped === undefined || key.length !== VMK_BYTES) return undefined;
  const plain = decrypt(wrapped, key, ciphers);
  if (plain === undefined) return undefined;
  const vmk = takeKey(plain, VMK_BYTES, 'volume master key');
  if (vmk.length === VMK_BYTES) return vmk;
  throw new CorruptImageError({ structure: 'volume master key', expected: VMK_BYTES, found: vmk.length });
}

function decrypt(wrapped: WrappedKey, key: Uint8Array, ciphers: Ciphers): Uint8Array | undefined {
  const cipher = ciphers.aes(key);
  try {
    return openCcm(cipher, wrapped);
  } finally {
    cipher.close();
  }
}

/** The key in a decrypted entry, which is overwritten. @throws CorruptImageError when it is shorter than `least` */
function takeKey(plain: Uint8Array, least: number, structure: string): Uint8Array {
  try {
    const size = plain.length < EntryHeader.size ? 0 : viewOf(plain).getUint16(0, true);
    const start = EntryHeader.size + KEY_HEAD;
    if (size >= start + least && size <= plain.length) return plain.slice(start, size);
    throw new CorruptImageError({ structure, field: 'size', expected: start + least, found: size });
  } finally {
    plain.fill(0);
  }
}

/** The digest of the metadata that only who knows the volume master key can have written. */
async function checkSeal({ seal, sealed }: Metadata, vmk: Uint8Array, ciphers: Ciphers): Promise<void> {
  if (seal === undefined) return;
  const plain = decrypt(seal, vmk, ciphers);
  const expected = plain === undefined ? undefined : takeKey(plain, VMK_BYTES, 'FVE validation');
  const found = digest(await createSha256(), sealed);
  if (expected !== undefined && equalBytes(expected, found)) return;
  const reason = 'the metadata is not what Windows sealed with the volume master key';
  throw new CorruptImageError({ structure: 'FVE validation', reason, citation: SPECIFICATION });
}

function sectorKeys({ fvek, method }: Metadata, vmk: Uint8Array, ciphers: Ciphers): VolumeKeys {
  const plain = decrypt(fvek, vmk, ciphers);
  if (plain === undefined) {
    throw new CorruptImageError({ structure: 'FVEK', reason: 'the volume master key does not open it' });
  }
  const { keyBytes, diffuser } = method;
  const key = takeKey(plain, diffuser ? TWEAK_KEY_OFFSET + keyBytes : keyBytes, 'FVEK');
  const sector = key.slice(0, keyBytes);
  const tweak = diffuser ? key.slice(TWEAK_KEY_OFFSET, TWEAK_KEY_OFFSET + keyBytes) : undefined;
  key.fill(0);
  return { sector, ...(tweak === undefined ? {} : { tweak }) };
}
