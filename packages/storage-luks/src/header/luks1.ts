import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, TruncatedImageError } from '@vmcraft/core/errors';
import { checkKeyLength } from '../cipher/sector-cipher.js';
import * as L from '../layout.js';
import type { KeySlot, LuksHeader } from './model.js';

const CITATION = 'LUKS1 On-Disk Format 1.2.3, section 3.1';

/** The header of LUKS1 as it lies on the device. */
export type Phdr = ReturnType<typeof L.Luks1Phdr.decode>;
/** One of its key slots. */
export type PhdrSlot = Phdr['slots'][number];

/** A LUKS1 header, decoded and checked. */
export interface Luks1Header extends LuksHeader {
  readonly version: 1;
  readonly phdr: Phdr;
}

/** The cipher as dm-crypt writes it. */
export function cipherOf(phdr: Phdr): string {
  return `${phdr.cipherName}-${phdr.cipherMode}`;
}

/** Bytes of a slot's stripes, whole sectors. */
export function stripeBytes(keyBytes: number, stripes: number): number {
  return Math.ceil((keyBytes * stripes) / L.SECTOR) * L.SECTOR;
}

/**
 * Read and check the header.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError
 */
export async function readLuks1(device: BlockDevice): Promise<Luks1Header> {
  const size = L.Luks1Phdr.size;
  if (device.size < size) {
    throw new TruncatedImageError({ structure: 'luks_phdr', offset: 0, needed: size, available: device.size });
  }
  const phdr = L.Luks1Phdr.decode(await device.read(0, size));
  const { keyBytes } = phdr;
  if (keyBytes === 0 || keyBytes > L.MAX_KEY_BYTES) {
    throw corrupt('keyBytes', `1 to ${L.MAX_KEY_BYTES}`, keyBytes);
  }
  checkKeyLength(cipherOf(phdr), keyBytes);
  const slots = phdr.slots.flatMap((slot, id) => keySlot(phdr, slot, id));
  const ends = slots.map((s) => s.area.offset + s.area.size);
  const payload = { cipher: cipherOf(phdr), sectorSize: L.SECTOR, ivOffset: 0, size: undefined };
  return {
    version: 1,
    uuid: phdr.uuid,
    label: '',
    phdr,
    payload: { ...payload, offset: phdr.payloadOffset * L.SECTOR },
    headerBytes: Math.max(size, ...ends),
    slots,
  };
}

function keySlot(phdr: Phdr, slot: PhdrSlot, id: number): KeySlot[] {
  const { keyBytes } = phdr;
  if (slot.active === L.SlotState.dead) return [];
  if (slot.active !== L.SlotState.active) throw corrupt(`keyblock[${id}].active`, 'active or dead', slot.active);
  if (slot.stripes !== L.STRIPES) throw corrupt(`keyblock[${id}].stripes`, L.STRIPES, slot.stripes);
  const offset = slot.keyMaterialOffset * L.SECTOR;
  if (offset < L.Luks1Phdr.size) throw corrupt(`keyblock[${id}].keyMaterialOffset`, 'behind the header', offset);
  if (slot.iterations === 0) throw corrupt(`keyblock[${id}].iterations`, 'at least 1', 0);
  const hash = phdr.hashSpec;
  return [
    {
      id,
      keyBytes,
      priority: 1,
      kdf: { type: 'pbkdf2', hash, iterations: slot.iterations, salt: slot.salt },
      af: { hash, stripes: slot.stripes },
      area: { offset, size: stripeBytes(keyBytes, slot.stripes), cipher: cipherOf(phdr), keyBytes },
      digest: { hash, iterations: phdr.mkDigestIterations, salt: phdr.mkDigestSalt, digest: phdr.mkDigest },
    },
  ];
}

function corrupt(field: string, expected: unknown, found: unknown): CorruptImageError {
  return new CorruptImageError({ structure: 'luks_phdr', field, offset: 0, expected, found, citation: CITATION });
}
