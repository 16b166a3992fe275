import type { BlockDevice, FsSignature, Member } from '../contracts/index.js';
import type { Partition, PartitionTable } from '../partition/index.js';

/** What a device is: given by the caller, described by a partition table, or brought up by an activator. */
export type DeviceKind = 'disk' | 'partition' | 'volume';

/** A disk handed to {@link StorageTree}. */
export interface DiskInput {
  readonly device: BlockDevice;
  /** guestfs drive label: the disk is also `/dev/disk/guestfs/LABEL`. */
  readonly label?: string;
}

/** One device of the tree. */
export interface DiscoveredDevice {
  /** `/dev/sda`, `/dev/sda1`, `/dev/vg/root`. */
  readonly name: string;
  readonly kind: DeviceKind;
  readonly device: BlockDevice;
  /** Names of the devices it is made from: none for a disk, one for a partition, one or more for a volume. */
  readonly parents: readonly string[];
  /** 0-based place among the disks the caller gave; only of disks. */
  readonly index?: number;
  /** Facts of the table entry; only of partitions. */
  readonly partition?: Partition;
  /** The table on it, if any. */
  readonly table?: PartitionTable;
  /** What it belongs to, when an activator claims it. */
  readonly member?: Member;
  /** Name of the activator that claims it (set together with `member`). */
  readonly claimedBy?: string;
  /** Name of the activator that made it; only of volumes. */
  readonly activator?: string;
  /** Kind of volume as its activator names it: `lv`, `luks`, `raid1`. */
  readonly volumeKind?: string;
  /** Other names of a volume, as its activator tells. */
  readonly aliases?: readonly string[];
  /** It is a piece of another volume; only of volumes. */
  readonly isPiece?: boolean;
  /** What lies on it, by signature. */
  readonly signature?: FsSignature;
  /** UUID and label of the volume itself, as its activator tells. */
  readonly uuid?: string;
  readonly label?: string;
}
