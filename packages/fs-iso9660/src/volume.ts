import { decodeUtf8 } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import {
  BootRecord,
  DescriptorType,
  EL_TORITO_ID,
  FIRST_DESCRIPTOR,
  HIGH_SIERRA_ID,
  JOLIET_ESCAPES,
  SECTOR,
  STANDARD_ID,
  VolumeDescriptor,
} from './layout.js';

/** Descriptors looked at before the set counts as endless. */
const MAX_DESCRIPTORS = 64;

/** What the volume descriptors say. */
export interface Volume {
  /** Bytes of a logical block: 512, 1024 or 2048. */
  readonly blockSize: number;
  /** Blocks of the volume. */
  readonly blocks: number;
  readonly label: string;
  /** The root's directory record in the primary hierarchy. */
  readonly root: Uint8Array;
  /** The same in the Joliet hierarchy, if there is one. */
  readonly jolietRoot?: Uint8Array;
  /** Sector of the El Torito boot catalog. */
  readonly bootCatalog?: number;
}

/** Whether the device has a volume descriptor where ISO 9660 has its first. */
export async function looksLikeIso(device: BlockDevice): Promise<boolean> {
  if (device.size < (FIRST_DESCRIPTOR + 1) * SECTOR) return false;
  const { standardId, highSierraId } = VolumeDescriptor.decode(await device.read(FIRST_DESCRIPTOR * SECTOR, SECTOR));
  return standardId === STANDARD_ID || highSierraId === HIGH_SIERRA_ID;
}

/**
 * Read the volume descriptors (ECMA-119, section 8).
 * @param session sector where the session begins; of several sessions on a disc each has descriptors of its own
 * @throws CorruptImageError without a primary descriptor; UnsupportedFeatureError for High Sierra
 */
export async function readVolume(device: BlockDevice, session = 0): Promise<Volume> {
  let primary: ReturnType<typeof VolumeDescriptor.decode> | undefined;
  let jolietRoot: Uint8Array | undefined;
  let bootCatalog: number | undefined;
  for await (const sector of descriptors(device, session)) {
    const descriptor = VolumeDescriptor.decode(sector);
    if (descriptor.type === DescriptorType.primary) primary ??= descriptor;
    else if (descriptor.type === DescriptorType.supplementary && isJoliet(descriptor.escapeSequences)) {
      jolietRoot ??= descriptor.rootDirectoryRecord;
    } else if (descriptor.type === DescriptorType.boot) {
      const boot = BootRecord.decode(sector);
      if (boot.bootSystemId === EL_TORITO_ID) bootCatalog ??= boot.bootCatalog;
    }
  }
  if (primary === undefined) {
    throw new CorruptImageError({ structure: 'VolumeDescriptor', reason: 'there is no primary volume descriptor' });
  }
  checkBlockSize(primary.logicalBlockSize);
  return {
    blockSize: primary.logicalBlockSize,
    blocks: primary.volumeSpaceSize,
    label: decodeUtf8(primary.volumeId).replace(/[\0 ]+$/, ''),
    root: primary.rootDirectoryRecord,
    ...(jolietRoot === undefined ? {} : { jolietRoot }),
    ...(bootCatalog === undefined ? {} : { bootCatalog }),
  };
}

async function* descriptors(device: BlockDevice, session: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < MAX_DESCRIPTORS; i++) {
    const at = (session + FIRST_DESCRIPTOR + i) * SECTOR;
    if (at + SECTOR > device.size) return;
    const sector = await device.read(at, SECTOR);
    const { type, standardId, highSierraId } = VolumeDescriptor.decode(sector);
    if (i === 0 && highSierraId === HIGH_SIERRA_ID) {
      throw new UnsupportedFeatureError({ structure: 'VolumeDescriptor', feature: 'High Sierra format' });
    }
    if (standardId !== STANDARD_ID || type === DescriptorType.terminator) return;
    yield sector;
  }
}

const isJoliet = (escapes: string): boolean => JOLIET_ESCAPES.some((level) => escapes.startsWith(level));

function checkBlockSize(size: number): void {
  if (size === 512 || size === 1024 || size === SECTOR) return;
  const citation = 'ECMA-119, section 6.2.2';
  const details = { structure: 'VolumeDescriptor', field: 'logicalBlockSize', found: size };
  throw new CorruptImageError({ ...details, expected: '512, 1024 or 2048', citation });
}
