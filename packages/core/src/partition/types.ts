import type { WarningSink } from '../contracts/index.js';

/** Kinds of partition tables, under the names parted and guestfs `part_get_parttype` use. */
export type PartitionTableType = 'gpt' | 'msdos' | 'bsd' | 'sun' | 'mac' | 'amiga' | 'aix' | 'dvh' | 'pc98' | 'dasd';

/**
 * What a partition is within its table. `nested` ones come from a BSD label inside an MBR partition.
 */
export type PartitionKind = 'primary' | 'extended' | 'logical' | 'nested';

/** One partition. Offsets and sizes are bytes on the disk that holds the table. */
export interface Partition {
  /** As Linux numbers it: the digits of `/dev/sda5`. */
  readonly number: number;
  readonly kind: PartitionKind;
  readonly start: number;
  readonly size: number;
  /** Type GUID in lower case (GPT), two hex digits (MBR, BSD and Sun), or a name (`Apple_HFS`). */
  readonly type: string;
  /** PARTUUID as blkid prints it: the GPT entry's GUID, or `8f8378c0-05` on MBR disks that have an identifier. */
  readonly uuid?: string;
  /** Name from the table (GPT, Apple). */
  readonly name?: string;
  /** MBR: active flag. GPT: the type is EFI System, which parted calls the `boot` flag. */
  readonly bootable: boolean;
  /** GPT attribute bits. */
  readonly attributes?: bigint;
}

/** What a disk's partition table says. */
export interface PartitionTable {
  readonly type: PartitionTableType;
  /** Unit of the table's addresses in bytes; differs from the device's when the image was made for other sectors. */
  readonly sectorSize: number;
  /** Disk GUID (GPT) or eight hex digits (MBR, when not zero). */
  readonly id?: string;
  /** In order of number. */
  readonly partitions: readonly Partition[];
  /** First and last sector a partition may use, both inclusive (GPT). */
  readonly usable?: { readonly first: number; readonly last: number };
  /** Defects that were tolerated; each was also sent to the warning sink. */
  readonly defects: readonly string[];
}

/** Options of {@link readPartitionTable}. */
export interface ReadTableOptions {
  readonly warn?: WarningSink;
  /** Partitions read at most; the rest is dropped with a warning. Linux stops at 256. */
  readonly maxPartitions?: number;
}

/** Partitions read at most unless the caller says otherwise. */
export const DEFAULT_MAX_PARTITIONS = 256;
