import { bytes, guid, latin1, struct, u8, u16le, u32le, u64le } from '@vmcraft/core/binary';

/** Every structure is of libbde, "BitLocker Drive Encryption (BDE) format"; where it is silent, of dislocker's description of FVE. */
export const SPECIFICATION = 'libbde, "BitLocker Drive Encryption (BDE) format"';

/** Signature of volume headers and of metadata blocks. */
export const SIGNATURE = '-FVE-FS-';
/** In the volume header of Windows 7 and later, and of BitLocker To Go: 4967d63b-2e29-4ad8-8399-f6a339e3d001. */
export const BITLOCKER_GUID = '4967d63b-2e29-4ad8-8399-f6a339e3d001';
/** The same while only used space is encrypted, or while data is encrypted as it is written. */
export const BITLOCKER_EOW_GUID = '92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8';
/** Bytes of a volume header. */
export const VOLUME_HEADER = 512;

/** "Volume header": what all versions have in common, and the fields of Windows Vista. */
export const VolumeHeader = struct('BitLocker volume header', VOLUME_HEADER, {
  signature: [3, latin1(8)],
  bytesPerSector: [11, u16le],
  sectorsPerCluster: [13, u8],
  /** Windows Vista: cluster of the first metadata block, in the place of NTFS's MFT mirror. */
  metadataCluster: [56, u64le],
});

/** Where the identifier lies, with the three offsets of the metadata behind it: Windows 7 and later, and To Go. */
export const IDENTIFIER_OFFSETS = [160, 424] as const;
/** Identifier and offsets; the last two only while data is encrypted as it is written. */
export const MetadataPointers = struct('BitLocker metadata pointers', 56, {
  identifier: [0, guid],
  first: [16, u64le],
  second: [24, u64le],
  third: [32, u64le],
  firstEow: [40, u64le],
  secondEow: [48, u64le],
});

/** What is written of encryption on write: dissect.fve's description of it, and dislocker's `bitlocker_eow_infos_t`. */
export const EOW_SPECIFICATION = 'dissect.fve, description of BitLocker EOW';

/** What all parts of the volume have in common; behind it, up to `size`, the places of the bitmaps. */
export const EowInformation = struct('FVE EOW information', 56, {
  signature: [0, latin1(8)],
  headerSize: [8, u16le],
  size: [10, u16le],
  sectorSize: [12, u32le],
  /** Bytes for which a bit stands. */
  chunkSize: [20, u32le],
  logSize: [24, u32le],
  regions: [32, u32le],
  /** Of `size` bytes, itself taken as 0. */
  crc32: [36, u32le],
});
export const EOW_SIGNATURE = 'FVE-EOW';

/** The bitmap of one region of the volume: which of its two records counts is told by their numbers. */
export const EowBitmap = struct('FVE EOW bitmap', 60, {
  signature: [0, latin1(10)],
  headerSize: [10, u16le],
  size: [12, u32le],
  regionOffset: [20, u64le],
  regionSize: [28, u64le],
  logOffset: [36, u64le],
  firstRecord: [44, u32le],
  secondRecord: [48, u32le],
  recordSize: [52, u32le],
  /** Of everything before the first record, itself taken as 0. */
  crc32: [56, u32le],
});
export const EOW_BITMAP_SIGNATURE = 'FVE-EOWBM';

/** A record: bits from `headerSize` on, the lowest of a byte first; those that are set stand for chunks that are encrypted. */
export const EowRecord = struct('FVE EOW bitmap record', 36, {
  signature: [0, latin1(10)],
  headerSize: [10, u16le],
  size: [12, u32le],
  bits: [16, u32le],
  sequence: [20, u64le],
  /** Of `size` bytes, itself taken as 0. */
  crc32: [32, u32le],
});
export const EOW_RECORD_SIGNATURE = 'FVE-EOWBR';

/** Versions of a metadata block. */
export const Version = { vista: 1, seven: 2 } as const;
/** Bytes kept for a metadata block, and most that is read of one: Windows Vista, and Windows 7 and later. */
export const METADATA_BYTES = { 1: 16384, 2: 65536 } as const;

/** "FVE metadata block header", versions 1 and 2. */
export const BlockHeader = struct('FVE metadata block header', 64, {
  signature: [0, latin1(8)],
  /** Bytes of block header, metadata header and entries; in units of 16 from version 2 on. */
  size: [8, u16le],
  version: [10, u16le],
  currentState: [12, u16le],
  nextState: [14, u16le],
  /** Bytes from the start of the volume that are encrypted; version 2. */
  encryptedSize: [16, u64le],
  /** Sectors of the volume header that were moved away; version 2. */
  headerSectors: [28, u32le],
  firstOffset: [32, u64le],
  secondOffset: [40, u64le],
  thirdOffset: [48, u64le],
  /** Version 2: where the first sectors of the volume were moved. Version 1: cluster of NTFS's MFT mirror. */
  headerOffset: [56, u64le],
});

/** States of a volume; dislocker, `information->curr_state`. */
export const State = { decrypted: 1, switching: 2, encryptOnWrite: 3, encrypted: 4, paused: 5 } as const;

/** "FVE metadata header". Also the head of a BEK file. */
export const MetadataHeader = struct('FVE metadata header', 48, {
  /** Bytes of this header and the entries behind it. */
  size: [0, u32le],
  version: [4, u32le],
  headerSize: [8, u32le],
  sizeCopy: [12, u32le],
  volumeId: [16, guid],
  encryptionMethod: [36, u32le],
});

/** Behind the metadata: what proves it whole. Dislocker, `bitlocker_validations_infos_t`. */
export const Validation = struct('FVE validation', 8, { size: [0, u16le], version: [2, u16le], crc32: [4, u32le] });

/** "FVE metadata entry". */
export const EntryHeader = struct('FVE metadata entry', 8, {
  size: [0, u16le],
  entryType: [2, u16le],
  valueType: [4, u16le],
  version: [6, u16le],
});

/** "FVE metadata entry types". */
export const EntryType = { property: 0, vmk: 2, fvek: 3, startupKey: 6, description: 7, volumeHeader: 0xf } as const;
/** "FVE metadata value types". */
export const ValueType = {
  key: 1,
  text: 2,
  stretchKey: 3,
  useKey: 4,
  aesCcm: 5,
  tpm: 6,
  vmk: 8,
  externalKey: 9,
  offsetAndSize: 0xf,
} as const;

/** "FVE Volume Master Key (VMK)", without the header of the entry. */
export const VmkHead = struct('FVE volume master key', 28, { id: [0, guid], protection: [26, u16le] });
/** "FVE External Key", without the header of the entry. */
export const ExternalKeyHead = struct('FVE external key', 24, { id: [0, guid] });
/** "FVE Stretch encrypted key", without the header of the entry. */
export const StretchKeyHead = struct('FVE stretch key', 20, { method: [0, u32le], salt: [4, bytes(16)] });
/** "FVE AES-CCM encrypted key", without the header of the entry; behind it the MAC and the encrypted bytes. */
export const AesCcmHead = struct('FVE AES-CCM encrypted key', 28, { nonce: [0, bytes(12)], mac: [12, bytes(16)] });
/** "FVE key", without the header of the entry. */
export const KEY_HEAD = 4;

/** "FVE Volume header block", without the header of the entry. */
export const VolumeHeaderBlock = struct('FVE volume header block', 16, { offset: [0, u64le], size: [8, u64le] });
/** What Windows 8 put behind it: a log of a conversion. Dislocker, `extended_info_t`. */
export const ConversionLog = struct('FVE conversion log', 28, { address: [16, u64le], size: [24, u32le] });

/** "Key protection types": bits, of which several may be set. */
export const Protection = {
  clear: 0,
  tpm: 0x100,
  external: 0x200,
  pin: 0x400,
  recovery: 0x800,
  certificate: 0x1000,
  password: 0x2000,
} as const;

/** "Encryption methods" of volumes. The places of the keys are in bytes of the key of the FVEK. */
export const METHODS: Readonly<Record<number, Method>> = {
  32768: { name: 'aes-cbc-128 with diffuser', mode: 'cbc', keyBytes: 16, diffuser: true },
  32769: { name: 'aes-cbc-256 with diffuser', mode: 'cbc', keyBytes: 32, diffuser: true },
  32770: { name: 'aes-cbc-128', mode: 'cbc', keyBytes: 16, diffuser: false },
  32771: { name: 'aes-cbc-256', mode: 'cbc', keyBytes: 32, diffuser: false },
  32772: { name: 'aes-xts-128', mode: 'xts', keyBytes: 32, diffuser: false },
  32773: { name: 'aes-xts-256', mode: 'xts', keyBytes: 64, diffuser: false },
};
/** With the diffuser, the key of its tweak lies here. */
export const TWEAK_KEY_OFFSET = 32;

/** How sectors are encrypted. */
export interface Method {
  readonly name: string;
  readonly mode: 'cbc' | 'xts';
  readonly keyBytes: number;
  readonly diffuser: boolean;
}
