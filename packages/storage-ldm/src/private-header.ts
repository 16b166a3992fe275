import { toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { GUID_TYPE, readPartitionTable } from '@vmcraft/core/partition';
import { MBR_PRIVHEAD, MbrType, PrivHead, SPECIFICATION } from './layout.js';

/** What a disk says of itself. Places are bytes. */
export interface PrivateHeader {
  readonly diskId: string;
  readonly groupId: string;
  readonly dataStart: number;
  readonly dataSize: number;
  readonly configStart: number;
  readonly configSize: number;
}

/** Offset of the first partition's type in an MBR. */
const FIRST_TYPE = 450;
/** No configuration is larger: Windows makes 1 MiB. */
const MAX_CONFIG = 16 * 1024 * 1024;

/**
 * The private header of a dynamic disk; undefined when it is none.
 * @throws CorruptImageError when it is one, and damaged
 */
export async function readPrivateHeader(device: BlockDevice): Promise<PrivateHeader | undefined> {
  const place = await findPrivateHeader(device);
  if (place === undefined || place + PrivHead.size > device.size) return undefined;
  const head = PrivHead.decode(await device.read(place, PrivHead.size), 0, place);
  if (head.magic !== 'PRIVHEAD') return undefined;
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

async function findPrivateHeader(device: BlockDevice): Promise<number | undefined> {
  if (device.size < 512) return undefined;
  const type = (await device.read(0, 512))[FIRST_TYPE];
  if (type === MbrType.dynamic) return MBR_PRIVHEAD * device.sectorSize;
  if (type !== MbrType.protective) return undefined;
  const table = await readPartitionTable(device);
  const own = table?.partitions.find((p) => p.type === GUID_TYPE.windowsLdmMetadata);
  // The last sector of the partition for metadata.
  return own === undefined ? undefined : own.start + own.size - device.sectorSize;
}

function idOf(text: string, field: string): string {
  const id = text.replace(/\0.*$/su, '').toLowerCase();
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return id;
  throw new CorruptImageError({ structure: PrivHead.name, field, reason: 'is no GUID', citation: SPECIFICATION });
}
