import { toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { GUID_TYPE, readPartitionTable } from '@vmcraft/core/partition';
import { DATABASE_SECTORS, MBR_PRIVHEAD, MbrType, PRIVHEAD_COPIES, PrivHead, SPECIFICATION } from './layout.js';

/** What a disk says of itself. Places are bytes. */
export interface PrivateHeader {
  readonly diskId: string;
  readonly groupId: string;
  readonly dataStart: number;
  readonly dataSize: number;
  readonly configStart: number;
  readonly configSize: number;
  /** The one that is read first is damaged. */
  readonly isCopy: boolean;
}

/** Offset of the first partition's type in an MBR. */
const FIRST_TYPE = 450;
/** No configuration is larger: Windows makes 1 MiB. */
const MAX_CONFIG = 16 * 1024 * 1024;

/**
 * The private header of a dynamic disk, or the first of its copies that is whole; undefined when it is none.
 * @throws CorruptImageError when it is one, and no copy is whole
 */
export async function readPrivateHeader(device: BlockDevice): Promise<PrivateHeader | undefined> {
  let damage: CorruptImageError | undefined;
  for (const [copy, place] of (await findPrivateHeaders(device)).entries()) {
    if (place < 0 || place + PrivHead.size > device.size) continue;
    const head = PrivHead.decode(await device.read(place, PrivHead.size), 0, place);
    if (head.magic !== 'PRIVHEAD') continue;
    try {
      return { ...decodeHeader(head, device, place), isCopy: copy > 0 };
    } catch (error) {
      if (!(error instanceof CorruptImageError)) throw error;
      damage ??= error;
    }
  }
  if (damage !== undefined) throw damage;
  return undefined;
}

function decodeHeader(
  head: ReturnType<typeof PrivHead.decode>,
  device: BlockDevice,
  place: number,
): Omit<PrivateHeader, 'isCopy'> {
  const unit = device.sectorSize;
  const bytesOf = (sectors: bigint, field: string): number =>
    toSafeInteger(sectors * BigInt(unit), `PRIVHEAD ${field}`);
  const header = {
    diskId: idOf(head.diskId, 'diskId'),
    groupId: idOf(head.groupId, 'groupId'),
    dataStart: bytesOf(head.dataStart, 'data start'),
    dataSize: bytesOf(head.dataSize, 'data size'),
    configStart: bytesOf(head.configStart, 'configuration start'),
    configSize: bytesOf(head.configSize, 'configuration size'),
  };
  if (header.configSize > MAX_CONFIG || header.configStart + header.configSize > device.size) {
    const found = {
      field: 'configSize',
      offset: place,
      found: header.configSize,
      expected: `within ${device.size} bytes`,
    };
    throw new CorruptImageError({ structure: PrivHead.name, citation: SPECIFICATION, ...found });
  }
  return header;
}

/** Places of the private header, the one that Windows reads first; none when the partition table is not that of a dynamic disk. */
async function findPrivateHeaders(device: BlockDevice): Promise<readonly number[]> {
  if (device.size < 512) return [];
  const unit = device.sectorSize;
  const type = (await device.read(0, 512))[FIRST_TYPE];
  if (type === MbrType.dynamic) {
    const database = device.size - (device.size % unit) - DATABASE_SECTORS * unit;
    return [MBR_PRIVHEAD * unit, ...PRIVHEAD_COPIES.map((sector) => database + sector * unit)];
  }
  if (type !== MbrType.protective) return [];
  const table = await readPartitionTable(device);
  const own = table?.partitions.find((p) => p.type === GUID_TYPE.windowsLdmMetadata);
  if (own === undefined) return [];
  const [, ...copies] = PRIVHEAD_COPIES;
  // The first is in the last sector of the partition for metadata.
  return [own.start + own.size - unit, ...copies.map((sector) => own.start + sector * unit)];
}

function idOf(text: string, field: string): string {
  const id = text.replace(/\0.*$/su, '').toLowerCase();
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return id;
  throw new CorruptImageError({ structure: PrivHead.name, field, reason: 'is no GUID', citation: SPECIFICATION });
}
