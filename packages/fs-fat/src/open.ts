import type { BlockDevice, FileSystem, FsIdentity, FsOpenOptions, FsSignature } from '@vmcraft/core/contracts';
import { CapabilityError, CorruptImageError } from '@vmcraft/core/errors';
import { type FatGeometry, formatSerial, looksLikeFat, readGeometry, readIdentity } from './bpb.js';
import { type CodePage, defaultCodePage } from './code-page.js';
import { DirectoryStore } from './directory.js';
import { type ExfatGeometry, looksLikeExfat } from './exfat-boot.js';
import { ExfatEntries } from './exfat-entries.js';
import { ExfatLabels } from './exfat-label.js';
import { type ExfatVolume, openExfatVolume } from './exfat-volume.js';
import { FatEntries } from './fat-entries.js';
import { decodeLabel, FatLabels, findLabelEntry } from './fat-label.js';
import { type FatVolume, openFatVolume } from './fat-volume.js';
import { ClusterFileSystem } from './file-system.js';
import { Attribute, FIRST_CLUSTER } from './layout.js';
import { parseMountOptions } from './mount-options.js';
import { blankFields, ClusterNode, type ParsedEntry } from './node.js';
import type { VolumeLimits } from './volume.js';

/** Name of the driver. */
export const DRIVER = 'fs-fat';
/** Bytes that a probe looks at before it reads the root directory for a label. */
const BOOT_BYTES = 512;

const DEFAULT_LIMITS: VolumeLimits = { maxDirEntries: 262_144, maxExtents: 1_048_576 };

/** Which of the two formats a device holds; undefined when neither. Never throws for foreign bytes. */
export async function detect(device: BlockDevice): Promise<'fat' | 'exfat' | undefined> {
  if (device.size < BOOT_BYTES) return undefined;
  const boot = await device.read(0, BOOT_BYTES);
  if (looksLikeExfat(boot)) return 'exfat';
  if (!looksLikeFat(boot)) return undefined;
  try {
    readGeometry(boot);
    return 'fat';
  } catch (error) {
    if (error instanceof CorruptImageError) return undefined;
    throw error;
  }
}

/** The root directory as a node needs it. */
export function rootEntry(firstCluster: number): ParsedEntry {
  return { name: '', slot: 0, slotCount: 0, position: 0, ...blankFields(Attribute.directory), firstCluster };
}

/** Label of a FAT volume: the root directory's entry, else the boot sector's. */
async function fatLabel(opened: FatVolume, boot: Uint8Array, page: CodePage): Promise<string | undefined> {
  const { volume, geometry, fixedRoot } = opened;
  const root = new ClusterNode(volume, 1, undefined, rootEntry(geometry.rootCluster));
  const store = new DirectoryStore(volume, new FatEntries(page, geometry.kind === 'fat32'), fixedRoot);
  const found = await findLabelEntry(store, root).catch(() => undefined);
  return decodeLabel(found?.bytes, page) ?? decodeLabel(readIdentity(boot, geometry.kind).label, page);
}

function signature(type: string, version: string, size: number, label?: string, uuid?: string): FsSignature {
  return {
    type,
    version,
    size,
    ...(label === undefined || label === '' ? {} : { label }),
    ...(uuid === undefined ? {} : { uuid }),
  };
}

async function fatSignature(opened: FatVolume, page: CodePage): Promise<FsSignature> {
  const { geometry, volume } = opened;
  const boot = await volume.device.read(0, BOOT_BYTES);
  const { volumeId } = readIdentity(boot, geometry.kind);
  const uuid = volumeId === undefined || volumeId === 0 ? undefined : formatSerial(volumeId);
  const size = geometry.totalSectors * geometry.sectorSize;
  return signature('vfat', geometry.kind.toUpperCase(), size, await fatLabel(opened, boot, page), uuid);
}

function exfatSignature(opened: ExfatVolume): FsSignature {
  const { geometry, records } = opened;
  return signature('exfat', '1.0', geometry.volumeSize, records.label?.text, formatSerial(geometry.serial));
}

/** @see FsDriver.probe */
export async function probe(device: BlockDevice): Promise<FsSignature | undefined> {
  const format = await detect(device);
  if (format === undefined) return undefined;
  const options: FsOpenOptions = { readonly: true };
  try {
    if (format === 'exfat') return exfatSignature(await openExfatVolume(device, DEFAULT_LIMITS, options));
    return await fatSignature(await openFatVolume(device, DEFAULT_LIMITS, options), defaultCodePage);
  } catch {
    // It is ours all the same; opening it will say what is wrong.
    return { type: format === 'exfat' ? 'exfat' : 'vfat' };
  }
}

/**
 * Open a FAT or exFAT file system.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError, CapabilityError
 */
export async function openFileSystem(device: BlockDevice, options: FsOpenOptions): Promise<FileSystem> {
  if (!options.readonly && !device.writable) throw CapabilityError.readOnly('device');
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const format = await detect(device);
  if (format === 'exfat') return openExfat(device, limits, options);
  // Where a probe is cautious, someone who says that it is FAT hears from the boot sector what is wrong.
  return openFat(device, limits, options);
}

async function openFat(device: BlockDevice, limits: VolumeLimits, options: FsOpenOptions): Promise<FileSystem> {
  const mount = parseMountOptions(options.mountOptions ?? [], options.warn);
  const opened = await openFatVolume(device, limits, options);
  const { volume, geometry } = opened;
  const identity: FsIdentity = { driver: DRIVER, ...(await fatSignature(opened, mount.codePage)) };
  const keeper = (g: FatGeometry) => (store: DirectoryStore, root: ClusterNode) =>
    new FatLabels(store, root, g, mount.codePage);
  return new ClusterFileSystem({
    identity,
    volume,
    format: new FatEntries(mount.codePage, geometry.kind === 'fat32'),
    root: rootEntry(geometry.rootCluster),
    fixedRoot: opened.fixedRoot,
    options: mount,
    readonly: options.readonly,
    serial: serialOf(identity),
    labels: keeper(geometry),
  });
}

async function openExfat(device: BlockDevice, limits: VolumeLimits, options: FsOpenOptions): Promise<FileSystem> {
  const mount = parseMountOptions(options.mountOptions ?? [], options.warn);
  const opened = await openExfatVolume(device, limits, options);
  const { volume, geometry } = opened;
  const keeper = (g: ExfatGeometry) => (store: DirectoryStore, root: ClusterNode) => new ExfatLabels(store, root, g);
  return new ClusterFileSystem({
    identity: { driver: DRIVER, ...exfatSignature(opened) },
    volume,
    format: new ExfatEntries(opened.upcase, options.warn),
    root: rootEntry(Math.max(FIRST_CLUSTER, geometry.rootCluster)),
    options: mount,
    readonly: options.readonly,
    serial: geometry.serial,
    labels: keeper(geometry),
  });
}

function serialOf(identity: FsIdentity): number {
  return identity.uuid === undefined ? 0 : Number.parseInt(identity.uuid.replace('-', ''), 16);
}
