import { equalBytes } from '@vmcraft/core/binary';
import type { BlockDevice, WarningSink } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import * as L from '../layout.js';
import { type Luks1Header, readLuks1 } from './luks1.js';
import { type Luks2Header, readLuks2 } from './luks2.js';

/** A header of either version. */
export type AnyHeader = Luks1Header | Luks2Header;

/** What the first bytes of a header tell without its checksum. */
export interface HeaderName {
  readonly version: 1 | 2;
  readonly uuid: string;
  readonly label: string;
}

const NAME_BYTES = 264;

/** Whether a device holds a container, by its magic alone; reads a bounded window. */
export async function findHeader(device: BlockDevice): Promise<HeaderName | undefined> {
  const first = await nameAt(device, 0, L.MAGIC);
  if (first !== undefined) return first;
  for (const offset of L.LUKS2_SIZES) {
    const second = await nameAt(device, offset, L.MAGIC_SECONDARY);
    if (second !== undefined) return second;
  }
  return undefined;
}

async function nameAt(device: BlockDevice, offset: number, magic: Uint8Array): Promise<HeaderName | undefined> {
  if (device.size < offset + NAME_BYTES) return undefined;
  const start = await device.read(offset, NAME_BYTES);
  if (!equalBytes(start.subarray(0, magic.length), magic)) return undefined;
  const whole = new Uint8Array(L.Luks2Binary.size);
  whole.set(start);
  const { version, uuid, label, offset: place } = L.Luks2Binary.decode(whole);
  if (version !== 1 && version !== 2) return undefined;
  // The place of the second header is a field, so that data that looks like one is not.
  if (offset !== 0 && (version !== 2 || place !== BigInt(offset))) return undefined;
  return { version, uuid, label: version === 2 ? label : '' };
}

/**
 * Read the header of a container.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError
 */
export async function readHeader(device: BlockDevice, warn: WarningSink): Promise<AnyHeader> {
  const found = await findHeader(device);
  if (found === undefined) {
    const start = device.size >= 8 ? await device.read(0, 8) : new Uint8Array(8);
    if (equalBytes(start.subarray(0, L.MAGIC.length), L.MAGIC)) {
      const version = new DataView(start.buffer, start.byteOffset).getUint16(6);
      throw new UnsupportedFeatureError({ feature: `version ${version}`, structure: 'LUKS' });
    }
    throw new CorruptImageError({ structure: 'LUKS', offset: 0, reason: 'the device holds no LUKS header' });
  }
  return found.version === 1 ? readLuks1(device) : readLuks2(device, warn);
}
