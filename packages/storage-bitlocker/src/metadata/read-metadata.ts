import { crc32 } from '@vmcraft/core/binary';
import type { BlockDevice, WarningSink } from '@vmcraft/core/contracts';
import { CorruptImageError, isVmcraftError, messageOf, UnsupportedFeatureError } from '@vmcraft/core/errors';
import {
  BlockHeader,
  METADATA_BYTES,
  MetadataHeader,
  SIGNATURE,
  SPECIFICATION,
  Validation,
  Version,
} from '../layout.js';
import type { BootSector } from './boot-sector.js';
import { readEncryptOnWrite } from './encrypt-on-write.js';
import { readEntries } from './entries.js';
import type { Metadata } from './model.js';
import { parseMetadata } from './parse.js';

/** Places tried at most: three from the boot sector, and those that a broken first copy names. */
const MAX_COPIES = 6;
/** Metadata is encrypted data's neighbour: a damaged byte gives a code, not a size. */
const MIN_BLOCK = BlockHeader.size + MetadataHeader.size;

/**
 * The metadata, from the first of its copies that is whole, and how far the volume is encrypted when it encrypts what is written.
 * @throws CorruptImageError when no copy is whole; UnsupportedFeatureError
 */
export async function readMetadata(device: BlockDevice, boot: BootSector, warn: WarningSink): Promise<Metadata> {
  const metadata = await readWholeCopy(device, boot, warn);
  if (boot.eowOffsets.length === 0) return metadata;
  const { encryptedSpans, hidden } = await readEncryptOnWrite(device, boot, warn);
  return { ...metadata, encryptedSpans, hidden: [...metadata.hidden, ...hidden] };
}

async function readWholeCopy(device: BlockDevice, boot: BootSector, warn: WarningSink): Promise<Metadata> {
  const places = [...boot.offsets];
  let failure: unknown;
  for (const [tried, offset] of places.entries()) {
    if (tried >= MAX_COPIES) break;
    try {
      const { metadata } = await readCopy(device, boot, offset, (at) => {
        if (!places.includes(at)) places.push(at);
      });
      if (failure !== undefined) {
        const message = `a copy of the metadata is damaged, another one is used: ${messageOf(failure)}`;
        warn({ source: 'bitlocker', message, cause: failure });
      }
      return metadata;
    } catch (error) {
      if (!isVmcraftError(error) || (error.code !== 'VMC_CORRUPT' && error.code !== 'VMC_TRUNCATED')) throw error;
      failure ??= error;
    }
  }
  const reason = `no copy of the metadata is whole (tried ${places.join(', ')})`;
  throw new CorruptImageError({ structure: 'BitLocker metadata', reason, citation: SPECIFICATION }, failure);
}

/** @param name told of the places of the other copies, as Windows Vista's boot sector names only one */
async function readCopy(
  device: BlockDevice,
  boot: BootSector,
  offset: number,
  name: (offset: number) => void,
): Promise<{ metadata: Metadata }> {
  const head = await device.read(offset, MIN_BLOCK);
  const block = BlockHeader.decode(head, 0, offset);
  if (block.signature !== SIGNATURE) {
    throw broken(offset, 'signature', SIGNATURE, JSON.stringify(block.signature));
  }
  if (block.version !== Version.vista && block.version !== Version.seven) {
    const feature = `version ${block.version} of its metadata`;
    throw new UnsupportedFeatureError({ feature, structure: 'BitLocker', citation: SPECIFICATION });
  }
  for (const other of [block.firstOffset, block.secondOffset, block.thirdOffset]) {
    if (other !== 0n && other <= BigInt(device.size)) name(Number(other));
  }
  const size = block.version === Version.vista ? block.size : block.size * 16;
  const room = METADATA_BYTES[block.version as 1 | 2];
  if (size < MIN_BLOCK || size + Validation.size > room) throw broken(offset, 'size', `${MIN_BLOCK} to ${room}`, size);
  const data = await device.read(offset, Math.min(room, device.size - offset));
  const check = Validation.decode(data, size, offset);
  const sealed = data.slice(0, size);
  const sum = crc32(sealed);
  if (check.crc32 !== sum) throw broken(offset, 'crc32', check.crc32, sum);
  const end = Math.min(data.length, size + Math.max(check.size, Validation.size));
  // Version 1 of the validation ends here; from 2 on a sealed digest follows.
  const trailer = check.version < 2 ? [] : readEntries(data.slice(size + Validation.size, end), offset + size);
  return { metadata: parseMetadata(sealed, trailer, offset, boot) };
}

function broken(offset: number, field: string, expected: unknown, found: unknown): CorruptImageError {
  const details = { structure: BlockHeader.name, field, offset, expected, found, citation: SPECIFICATION };
  return new CorruptImageError(details);
}
