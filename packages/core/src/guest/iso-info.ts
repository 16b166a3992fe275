import { bytes, latin1, struct, u8, u16le, u32le } from '../binary/index.js';
import type { BlockDevice } from '../contracts/index.js';
import { FsError } from '../errors/index.js';
import type { StructValue } from './structs.js';

/** ECMA-119, section 6.2.1: volume descriptors begin at the 16th sector of 2048 bytes and end with a terminator. */
const SECTOR = 2048;
const FIRST_DESCRIPTOR = 16;
const MAX_DESCRIPTORS = 64;
const PRIMARY = 1;
const TERMINATOR = 255;
/** Section 8.4.26.1: digits of a date, then the offset from UTC in quarters of an hour. */
const DATE_SIZE = 17;
const QUARTER_HOUR = 15 * 60;

/** ECMA-119, section 8.4, "Primary Volume Descriptor"; numbers in both byte orders are read in the first. */
const PrimaryDescriptor = struct('PrimaryVolumeDescriptor', SECTOR, {
  type: [0, u8],
  identifier: [1, latin1(5)],
  systemId: [8, latin1(32)],
  volumeId: [40, latin1(32)],
  spaceSize: [80, u32le],
  setSize: [120, u16le],
  sequenceNumber: [124, u16le],
  blockSize: [128, u16le],
  setId: [190, latin1(128)],
  publisherId: [318, latin1(128)],
  preparerId: [446, latin1(128)],
  applicationId: [574, latin1(128)],
  copyrightFile: [702, latin1(37)],
  abstractFile: [739, latin1(37)],
  bibliographicFile: [776, latin1(37)],
  creation: [813, bytes(DATE_SIZE)],
  modification: [830, bytes(DATE_SIZE)],
  expiration: [847, bytes(DATE_SIZE)],
  effective: [864, bytes(DATE_SIZE)],
});

/** Seconds since the epoch; -1 when the date is not given. */
function seconds(raw: Uint8Array): number {
  const digits = new TextDecoder('latin1').decode(raw.subarray(0, DATE_SIZE - 1));
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\d\d$/.exec(digits)?.slice(1).map(Number);
  if (parts === undefined) return -1;
  const [year, month, day, hour, minute, second] = parts as [number, number, number, number, number, number];
  if (year === 0) return -1;
  const local = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  return local - ((raw[DATE_SIZE - 1]! << 24) >> 24) * QUARTER_HOUR;
}

async function findPrimary(device: BlockDevice): Promise<Uint8Array | undefined> {
  for (let i = FIRST_DESCRIPTOR; i < FIRST_DESCRIPTOR + MAX_DESCRIPTORS; i++) {
    if ((i + 1) * SECTOR > device.size) return undefined;
    const sector = await device.read(i * SECTOR, SECTOR);
    const { type, identifier } = PrimaryDescriptor.decode(sector);
    if (identifier !== 'CD001' || type === TERMINATOR) return undefined;
    if (type === PRIMARY) return sector;
  }
  return undefined;
}

/** Facts of an ISO 9660 volume. @throws FsError EINVAL when it is none */
export async function readIsoInfo(device: BlockDevice): Promise<StructValue<'isoinfo'>> {
  const sector = await findPrimary(device);
  if (sector === undefined) {
    throw new FsError('EINVAL', { operation: 'isoinfo', reason: 'not an ISO file or CD-ROM' });
  }
  const d = PrimaryDescriptor.decode(sector);
  const text = (value: string): string => value.replace(/[\0 ]+$/, '');
  return {
    iso_system_id: text(d.systemId),
    iso_volume_id: text(d.volumeId),
    iso_volume_space_size: d.spaceSize,
    iso_volume_set_size: d.setSize,
    iso_volume_sequence_number: d.sequenceNumber,
    iso_logical_block_size: d.blockSize,
    iso_volume_set_id: text(d.setId),
    iso_publisher_id: text(d.publisherId),
    iso_data_preparer_id: text(d.preparerId),
    iso_application_id: text(d.applicationId),
    iso_copyright_file_id: text(d.copyrightFile),
    iso_abstract_file_id: text(d.abstractFile),
    iso_bibliographic_file_id: text(d.bibliographicFile),
    iso_volume_creation_t: seconds(d.creation),
    iso_volume_modification_t: seconds(d.modification),
    iso_volume_expiration_t: seconds(d.expiration),
    iso_volume_effective_t: seconds(d.effective),
  };
}
