import { isPowerOfTwo } from '../binary/index.js';
import type { BlockDevice } from '../contracts/index.js';
import { type DiscoveredDevice, probeSignature, type SignatureMatch } from '../storage/index.js';
import { settle } from './device-changes.js';
import type { Session } from './session.js';

/** Linux does I/O to a device without a file system in pages. */
const PAGE = 4096;
/** Unit in which the kernel counts, whatever the sectors of the device. */
const KERNEL_SECTOR = 512;
/** Major numbers of SCSI disks, 16 disks each: Documentation/admin-guide/devices.txt. */
const SD_MAJORS = [8, 65, 66, 67, 68, 69, 70, 71, 128, 129, 130, 131, 132, 133, 134, 135];
const MINORS_OF_DISK = 16;

/** The soft block size a kernel starts with: the largest up to a page that divides the device. */
export function softBlockSize(device: BlockDevice): number {
  let size = device.sectorSize;
  while (size < PAGE && isPowerOfTwo(size) && device.size % (size * 2) === 0) size *= 2;
  return size;
}

/** What lies on a device now, mounted or not. */
export async function signatureOf(g: Session, name: string): Promise<SignatureMatch | undefined> {
  await settle(g);
  const { device, table } = g.device(name);
  const partitions = table?.partitions.filter((p) => p.kind !== 'extended') ?? [];
  return probeSignature(device, { partitions });
}

/** Name and value as blkid(8) exports them: `-p -i -o export`. */
export async function blkidFacts(g: Session, name: string): Promise<Record<string, string>> {
  const found = g.device(name);
  const sector = String(found.device.sectorSize);
  const facts: Record<string, string> = {
    DEVNAME: found.name,
    MINIMUM_IO_SIZE: sector,
    PHYSICAL_SECTOR_SIZE: sector,
    LOGICAL_SECTOR_SIZE: sector,
  };
  const signature = await signatureOf(g, name);
  if (signature !== undefined) Object.assign(facts, signatureFacts(signature));
  if (found.table !== undefined) {
    if (found.table.id !== undefined) facts.PTUUID = found.table.id;
    facts.PTTYPE = found.table.type === 'msdos' ? 'dos' : found.table.type;
  }
  if (found.partition?.kind === 'extended') facts.PTTYPE = 'dos';
  return { ...facts, ...entryFacts(g, found) };
}

function signatureFacts(match: SignatureMatch): Record<string, string> {
  const facts: Record<string, string> = {};
  const put = (key: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') facts[key] = value;
  };
  // What can be mounted as an older type, too.
  if (match.type === 'vfat' && match.version !== 'FAT32') put('SEC_TYPE', 'msdos');
  if (match.type === 'ext3') put('SEC_TYPE', 'ext2');
  put('LABEL', match.label);
  put('UUID', match.uuid);
  put('UUID_SUB', match.uuidSub);
  put('VERSION', match.version);
  put('BLOCK_SIZE', match.blockSize?.toString());
  put('TYPE', match.type);
  put('USAGE', match.usage);
  return facts;
}

function entryFacts(g: Session, found: DiscoveredDevice): Record<string, string> {
  const { partition } = found;
  const disk = partition === undefined ? undefined : g.storage.find(found.parents[0] ?? '');
  if (partition === undefined || disk?.table === undefined) return {};
  const isMbr = disk.table.type === 'msdos';
  const facts: Record<string, string> = { PART_ENTRY_SCHEME: isMbr ? 'dos' : disk.table.type };
  if (partition.name !== undefined && partition.name !== '') facts.PART_ENTRY_NAME = partition.name;
  if (partition.uuid !== undefined) facts.PART_ENTRY_UUID = partition.uuid;
  facts.PART_ENTRY_TYPE = isMbr ? `0x${Number.parseInt(partition.type, 16).toString(16)}` : partition.type;
  const flags = flagsOf(isMbr && partition.bootable ? 0x80n : (partition.attributes ?? 0n));
  if (flags !== undefined) facts.PART_ENTRY_FLAGS = flags;
  facts.PART_ENTRY_NUMBER = String(partition.number);
  facts.PART_ENTRY_OFFSET = String(partition.start / KERNEL_SECTOR);
  facts.PART_ENTRY_SIZE = String(partition.size / KERNEL_SECTOR);
  if (disk.index !== undefined) facts.PART_ENTRY_DISK = diskNumber(disk.index);
  return facts;
}

function flagsOf(bits: bigint): string | undefined {
  return bits === 0n ? undefined : `0x${bits.toString(16)}`;
}

/** Device number of the n-th SCSI disk, counted from 0. */
function diskNumber(index: number): string {
  const major = SD_MAJORS[Math.floor(index / MINORS_OF_DISK) % SD_MAJORS.length];
  return `${major}:${(index % MINORS_OF_DISK) * MINORS_OF_DISK}`;
}
