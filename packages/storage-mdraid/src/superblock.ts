import type { BlockDevice } from '@vmcraft/core/contracts';

/** What a superblock says of one device of the array, or of the device it is on. */
export type Role = number | 'spare' | 'faulty' | 'journal';

/** A run of bytes. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

/** A change that a superblock must tell of. */
export interface SuperblockChange {
  readonly events: bigint;
  /** Slots whose devices are gone. */
  readonly lost: ReadonlySet<number>;
  /** Seconds since 1970. */
  readonly time: number;
}

/** A superblock of any version. Offsets and sizes are bytes. */
export interface MdSuperblock {
  readonly version: '0.90' | '1.0' | '1.1' | '1.2';
  /** As blkid writes it. */
  readonly uuid: string;
  /** The UUID as it lies in a bitmap's superblock. */
  readonly rawUuid: Uint8Array;
  /** `host:name` of version 1; empty where there is none. */
  readonly name: string;
  /** Number of the device that 0.90 arrays ask for. */
  readonly preferredMinor: number | undefined;
  readonly level: number;
  readonly layout: number;
  readonly chunkSize: number;
  readonly disks: number;
  /** Bytes of each member that belong to the array; 0 where members differ. */
  readonly memberSize: number;
  readonly events: bigint;
  /** Bytes of the array whose redundancy is right; undefined: all. */
  readonly resynced: number | undefined;
  /** Seconds since 1970. */
  readonly utime: number;
  readonly features: number;
  /** Bytes of the array that a reshape has done; undefined when none is under way. */
  readonly reshaped: bigint | undefined;

  /** Number of this device, by which {@link roles} tells of it. */
  readonly number: number;
  readonly deviceUuid: string | undefined;
  readonly role: Role;
  /** Role of each device number. */
  readonly roles: readonly Role[];
  /** Bytes of this member that are rebuilt; undefined: all. */
  readonly rebuilt: number | undefined;
  readonly isReplacement: boolean;
  readonly isWriteMostly: boolean;
  readonly dataOffset: number;
  readonly dataSize: number;
  /** Where the superblock lies on its device. */
  readonly offset: number;
  /** Where the bitmap lies on its device. */
  readonly bitmapOffset: number | undefined;
  readonly badBlockLog: (Span & { readonly shift: number }) | undefined;
  /** Block where the log of a journal begins. */
  readonly journalTail: bigint;
  /** The bytes with a change and a right checksum. */
  changed(change: SuperblockChange): Uint8Array;
}

/** A device and the superblock on it. */
export interface MdDevice {
  readonly device: BlockDevice;
  readonly deviceName?: string;
  readonly superblock: MdSuperblock;
}
