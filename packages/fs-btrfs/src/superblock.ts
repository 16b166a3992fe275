import { toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { type Checksum, checksumOf } from './checksum.js';
import {
  CSUM_FIELD,
  INCOMPAT,
  SUPERBLOCK_MAGIC,
  SUPERBLOCK_PLACES,
  SUPERBLOCK_SIZE,
  Superblock,
  SuperFlag,
  SYS_CHUNK_ARRAY,
} from './layout.js';

/** What the superblock of one device says. Sizes and places are bytes. */
export interface SuperblockFacts {
  readonly fsid: string;
  /** UUID in the headers of nodes; another one than `fsid` when that was changed (`btrfstune -m`). */
  readonly nodeUuid: string;
  readonly label: string;
  readonly generation: bigint;
  readonly root: number;
  readonly rootLevel: number;
  readonly chunkRoot: number;
  readonly chunkRootLevel: number;
  readonly logRoot: number;
  readonly logRootLevel: number;
  readonly totalBytes: number;
  readonly bytesUsed: number;
  readonly numDevices: number;
  readonly rootDir: number;
  readonly sectorsize: number;
  readonly nodesize: number;
  readonly incompat: bigint;
  readonly compatReadOnly: bigint;
  readonly devid: number;
  readonly deviceUuid: string;
  readonly isSeed: boolean;
  readonly checksum: Checksum;
  /** Chunks of the chunk tree itself. */
  readonly systemChunks: Uint8Array;
}

const MIN_SECTOR = 4096;
const MAX_SECTOR = 65_536;

/** Whether there is a superblock of Btrfs, whatever its state. */
export async function hasMagic(device: BlockDevice): Promise<boolean> {
  const [at] = SUPERBLOCK_PLACES;
  if (device.size < at + SUPERBLOCK_SIZE) return false;
  return Superblock.decode(await device.read(at, SUPERBLOCK_SIZE)).magic === SUPERBLOCK_MAGIC;
}

/**
 * The newest whole superblock of a device: when the first copy is damaged, one of the others.
 * @param warn told of copies that are damaged
 * @throws CorruptImageError, UnsupportedFeatureError
 */
export async function readSuperblock(device: BlockDevice, warn: (text: string) => void): Promise<SuperblockFacts> {
  let best: SuperblockFacts | undefined;
  let first: unknown;
  for (const at of SUPERBLOCK_PLACES) {
    if (at + SUPERBLOCK_SIZE > device.size) break;
    const raw = (await device.read(at, SUPERBLOCK_SIZE)).slice();
    if (Superblock.decode(raw).magic !== SUPERBLOCK_MAGIC) continue;
    try {
      const facts = await check(raw, at);
      if (best === undefined || facts.generation > best.generation) best = facts;
    } catch (error) {
      if (error instanceof UnsupportedFeatureError) throw error;
      first ??= error;
    }
  }
  if (best === undefined)
    throw first ?? new CorruptImageError({ structure: 'btrfs_super_block', reason: 'there is none' });
  if (first !== undefined) warn(`a copy of the superblock is damaged: ${String((first as Error).message)}`);
  return best;
}

async function check(raw: Uint8Array, place: number): Promise<SuperblockFacts> {
  const sb = Superblock.decode(raw);
  const checksum = await checksumOf(sb.csumType);
  const bad = (field: string, expected: unknown, found: unknown): CorruptImageError =>
    new CorruptImageError({ structure: 'btrfs_super_block', field, expected, found, offset: place });
  if (!checksum.matches(raw.subarray(CSUM_FIELD), raw, 0))
    throw bad('csum', `the ${checksum.name} of its bytes`, 'another');
  if (sb.bytenr !== BigInt(place)) throw bad('bytenr', place, sb.bytenr);
  const isSize = (size: number): boolean => size >= MIN_SECTOR && size <= MAX_SECTOR && (size & (size - 1)) === 0;
  if (!isSize(sb.sectorsize)) throw bad('sectorsize', 'a power of two from 4096 to 65536', sb.sectorsize);
  if (!isSize(sb.nodesize) || sb.nodesize < sb.sectorsize)
    throw bad('nodesize', 'a power of two up to 65536', sb.nodesize);
  if (sb.sysChunkArraySize > SYS_CHUNK_ARRAY.size)
    throw bad('sys_chunk_array_size', 'at most 2048', sb.sysChunkArraySize);
  refuse(sb.incompatFlags, sb.flags);
  const number = (value: bigint, field: string): number => toSafeInteger(value, field);
  const labelEnd = sb.label.indexOf(0);
  return {
    fsid: sb.fsid,
    nodeUuid: (sb.incompatFlags & INCOMPAT.metadata_uuid) === 0n ? sb.fsid : sb.metadataUuid,
    label: new TextDecoder().decode(sb.label.subarray(0, labelEnd < 0 ? sb.label.length : labelEnd)),
    generation: sb.generation,
    root: number(sb.root, 'root'),
    rootLevel: sb.rootLevel,
    chunkRoot: number(sb.chunkRoot, 'chunk_root'),
    chunkRootLevel: sb.chunkRootLevel,
    logRoot: number(sb.logRoot, 'log_root'),
    logRootLevel: sb.logRootLevel,
    totalBytes: number(sb.totalBytes, 'total_bytes'),
    bytesUsed: number(sb.bytesUsed, 'bytes_used'),
    numDevices: number(sb.numDevices, 'num_devices'),
    rootDir: number(sb.rootDirObjectid, 'root_dir_objectid'),
    sectorsize: sb.sectorsize,
    nodesize: sb.nodesize,
    incompat: sb.incompatFlags,
    compatReadOnly: sb.compatRoFlags,
    devid: number(sb.devid, 'devid'),
    deviceUuid: sb.deviceUuid,
    isSeed: (sb.flags & SuperFlag.seeding) !== 0n,
    checksum,
    systemChunks: raw.subarray(SYS_CHUNK_ARRAY.offset, SYS_CHUNK_ARRAY.offset + sb.sysChunkArraySize),
  };
}

/** What would be read wrongly. @throws UnsupportedFeatureError */
function refuse(incompat: bigint, flags: bigint): void {
  const refused = ['extent_tree_v2', 'raid_stripe_tree', 'zoned'] as const;
  const known = Object.values(INCOMPAT).reduce((a, b) => a | b, 0n);
  const unknown = incompat & ~known;
  const name =
    refused.find((n) => (incompat & INCOMPAT[n]) !== 0n) ?? (unknown === 0n ? undefined : `0x${unknown.toString(16)}`);
  if (name !== undefined) {
    throw new UnsupportedFeatureError({ structure: 'btrfs_super_block', feature: `incompatible feature ${name}` });
  }
  if ((flags & (SuperFlag.metadump | SuperFlag.metadumpV2)) !== 0n) {
    throw new UnsupportedFeatureError({
      structure: 'btrfs_super_block',
      feature: 'a metadata dump, which has no file contents',
    });
  }
  if ((flags & (SuperFlag.changingFsid | SuperFlag.changingFsidV2)) !== 0n) {
    throw new UnsupportedFeatureError({
      structure: 'btrfs_super_block',
      feature: 'a change of the UUID that was not finished',
    });
  }
}
