import { crc32c, isPowerOfTwo, toSafeInteger, viewOf } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, TruncatedImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { FEATURE2_FTYPE, Incompatible, KNOWN_INCOMPATIBLE, Superblock, VersionFlag, XFS_MAGIC } from './layout.js';
import { NOTHING_PENDING, type Pending } from './log-intents.js';
import { isReplayed } from './replay-overlay.js';

/** Offset of the superblock's own checksum. */
const SUPERBLOCK_CHECKSUM = 224;
const VERSION_5 = 5;

/** What the superblock says, in units that reading needs. */
export interface Volume {
  readonly device: BlockDevice;
  readonly superblock: ReturnType<typeof Superblock.decode>;
  /** Version 5: everything has a checksum. */
  readonly isChecked: boolean;
  readonly blockSize: number;
  /** Bytes of a directory block. */
  readonly directoryBlockSize: number;
  /** Directory entries have a file type. */
  readonly hasFileType: boolean;
  /** Names compare without regard to the case of ASCII letters. */
  readonly isCaseInsensitive: boolean;
  /** The UUID that is written into structures; the superblock's may have been changed since. */
  readonly ownUuid: string;
  /** What a replayed log promised and did not finish. */
  readonly pending: Pending;
  /** The realtime section, when it is known. */
  readonly realtime?: BlockDevice;
}

/** The superblock, or undefined when there is none. */
export async function readSuperblock(device: BlockDevice): Promise<ReturnType<typeof Superblock.decode> | undefined> {
  if (device.size < Superblock.size) return undefined;
  const superblock = Superblock.decode(await device.read(0, Superblock.size));
  return superblock.magic === XFS_MAGIC ? superblock : undefined;
}

/** @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError */
export async function openVolume(device: BlockDevice, pending: Pending = NOTHING_PENDING): Promise<Volume> {
  const superblock = await readSuperblock(device);
  if (superblock === undefined) {
    throw new CorruptImageError({ structure: Superblock.name, field: 'magic', reason: 'this is not XFS' });
  }
  const version = superblock.version & VersionFlag.version;
  if (version !== 4 && version !== VERSION_5) {
    throw new UnsupportedFeatureError({ structure: Superblock.name, feature: `version ${version}` });
  }
  checkGeometry(superblock, device.size);
  const isChecked = version === VERSION_5;
  if (isChecked) {
    if (!isReplayed(device, 0, superblock.sectorSize)) {
      verifyChecksum(await device.read(0, superblock.sectorSize), SUPERBLOCK_CHECKSUM, Superblock.name, 0);
    }
    checkFeatures(superblock.incompatible);
  } else if ((superblock.version & VersionFlag.version2Directories) === 0) {
    throw new UnsupportedFeatureError({ structure: Superblock.name, feature: 'directories of version 1' });
  }
  return {
    device,
    superblock,
    isChecked,
    blockSize: superblock.blockSize,
    directoryBlockSize: superblock.blockSize << superblock.directoryBlockLog,
    hasFileType: isChecked
      ? (superblock.incompatible & Incompatible.ftype) !== 0
      : (superblock.features2 & FEATURE2_FTYPE) !== 0,
    ownUuid:
      isChecked && (superblock.incompatible & Incompatible.metaUuid) !== 0 ? superblock.metaUuid : superblock.uuid,
    pending,
    isCaseInsensitive: (superblock.version & VersionFlag.caseInsensitive) !== 0,
  };
}

function checkFeatures(incompatible: number): void {
  if ((incompatible & Incompatible.needsRepair) !== 0) {
    const workaround = 'run xfs_repair on it';
    throw new UnsupportedFeatureError({ structure: Superblock.name, feature: 'it needs repair', workaround });
  }
  if ((incompatible & (Incompatible.zoned | Incompatible.zoneGaps)) !== 0) {
    throw new UnsupportedFeatureError({ structure: Superblock.name, feature: 'a zoned realtime section' });
  }
  const unknown = incompatible & ~KNOWN_INCOMPATIBLE;
  if (unknown === 0) return;
  const feature = `incompatible features 0x${(unknown >>> 0).toString(16)}`;
  throw new UnsupportedFeatureError({ structure: Superblock.name, feature });
}

function checkGeometry(s: ReturnType<typeof Superblock.decode>, size: number): void {
  const expect = (field: keyof typeof s, ok: boolean, expected: string): void => {
    if (!ok) throw new CorruptImageError({ structure: Superblock.name, field, found: s[field], expected });
  };
  expect('blockSize', isPowerOfTwo(s.blockSize) && s.blockSize >= 512 && s.blockSize <= 65_536, '512 to 65536');
  expect('blockLog', 1 << s.blockLog === s.blockSize, 'the logarithm of blockSize');
  expect('sectorSize', isPowerOfTwo(s.sectorSize) && s.sectorSize >= 512 && s.sectorSize <= 32_768, '512 to 32768');
  expect('inodeSize', isPowerOfTwo(s.inodeSize) && s.inodeSize >= 256 && s.inodeSize <= 2048, '256 to 2048');
  expect('inodeLog', 1 << s.inodeLog === s.inodeSize, 'the logarithm of inodeSize');
  expect('inodesPerBlockLog', s.inodesPerBlockLog === s.blockLog - s.inodeLog, 'the logarithm of inodes per block');
  expect('agBlocks', s.agBlocks >= 1 && s.agBlocks <= 2 ** s.agBlockLog, 'at most 2^agBlockLog');
  expect('agBlockLog', s.agBlockLog <= 31, 'at most 31');
  expect('directoryBlockLog', s.blockSize << s.directoryBlockLog <= 65_536 && s.directoryBlockLog < 8, 'up to 64 KiB');
  const needed = toSafeInteger(s.dataBlocks, 'dblocks') * s.blockSize;
  if (needed > size) throw new TruncatedImageError({ structure: 'XFS', offset: 0, needed, available: size });
}

/**
 * Check a CRC-32C that covers `data` with itself as zero (chapter 8, "Self-describing Metadata").
 * @param at offset of the checksum in `data`
 * @param offset of `data` on the device, for messages
 */
export function verifyChecksum(data: Uint8Array, at: number, structure: string, offset: number): void {
  const found = viewOf(data).getUint32(at, true);
  const start = crc32c(data.subarray(0, at));
  const expected = crc32c(data.subarray(at + 4), crc32c(ZEROS, start));
  if (found === expected) return;
  throw new CorruptImageError({ structure, field: 'checksum', offset, found, expected });
}
const ZEROS = new Uint8Array(4);

/** Byte offset of an allocation group's block. @throws CorruptImageError when it lies outside */
export function blockOffset(volume: Volume, block: bigint, structure: string): number {
  const { agBlockLog, agBlocks, agCount, dataBlocks } = volume.superblock;
  const group = block >> BigInt(agBlockLog);
  const within = block & ((1n << BigInt(agBlockLog)) - 1n);
  const linear = group * BigInt(agBlocks) + within;
  if (group >= BigInt(agCount) || within >= BigInt(agBlocks) || linear >= dataBlocks) {
    throw new CorruptImageError({ structure, field: 'block', found: block, expected: 'a block of the file system' });
  }
  return Number(linear) * volume.blockSize;
}
