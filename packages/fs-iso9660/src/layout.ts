import { array, bytes, latin1, struct, u8, u16be, u16le, u32le, u64le } from '@vmcraft/core/binary';

/*
 * ECMA-119, "Volume and File Structure of CDROM for Information Interchange", 4th edition (June 2019), which is ISO 9660. Numbers "in
 * both-byte orders" (section 7.3.3) are read in their little-endian half.
 */

/** Section 6.1.2: logical sectors are of 2048 bytes. */
export const SECTOR = 2048;
/** Section 6.2.1: the volume descriptors begin at this sector. */
export const FIRST_DESCRIPTOR = 16;
/** Section 8.1: types of volume descriptors. */
export const DescriptorType = { boot: 0, primary: 1, supplementary: 2, terminator: 255 } as const;
/** Section 8.1.2: the standard identifier; High Sierra discs have `CDROM` eight bytes later. */
export const STANDARD_ID = 'CD001';
export const HIGH_SIERRA_ID = 'CDROM';

/** Sections 8.4 and 8.5: Primary and Supplementary Volume Descriptor, as far as reading needs it. */
export const VolumeDescriptor = struct('VolumeDescriptor', SECTOR, {
  type: [0, u8],
  standardId: [1, latin1(5)],
  version: [6, u8],
  highSierraId: [9, latin1(5)],
  volumeId: [40, bytes(32)],
  volumeSpaceSize: [80, u32le],
  escapeSequences: [88, latin1(32)],
  logicalBlockSize: [128, u16le],
  rootDirectoryRecord: [156, bytes(34)],
});

/** Section 8.2, "Boot Record"; El Torito 1.0, figure 7: its system identifier, and the sector of the boot catalog. */
export const BootRecord = struct('BootRecord', SECTOR, {
  type: [0, u8],
  standardId: [1, latin1(5)],
  bootSystemId: [7, latin1(32)],
  bootCatalog: [71, u32le],
});
export const EL_TORITO_ID = 'EL TORITO SPECIFICATION';

/** Joliet specification, section "SVD Escape Sequences": UCS-2 levels 1 to 3. */
export const JOLIET_ESCAPES: readonly string[] = ['%/@', '%/C', '%/E'];

/** Section 9.1, "Directory Record"; the identifier follows, padded to an even offset, then the system use area. */
export const DirectoryRecord = struct('DirectoryRecord', 33, {
  length: [0, u8],
  extendedAttributeLength: [1, u8],
  extent: [2, u32le],
  dataLength: [10, u32le],
  recorded: [18, bytes(7)],
  flags: [25, u8],
  fileUnitSize: [26, u8],
  interleaveGap: [27, u8],
  volumeSequence: [28, u16le],
  identifierLength: [32, u8],
});

/** Section 9.1.6, "File Flags". */
export const FileFlag = { hidden: 1, directory: 2, associated: 4, multiExtent: 0x80 } as const;

/*
 * System Use Sharing Protocol, IEEE P1281 draft 1.12: each entry is a signature of two letters, its length and its version.
 */

/** Section 4.1. */
export const SuspEntry = struct('SUSP entry', 4, { signature: [0, latin1(2)], length: [2, u8], version: [3, u8] });

/** Section 5.1, "CE": where the system use area goes on. */
export const ContinuationArea = struct('SUSP CE', 28, { block: [4, u32le], offset: [12, u32le], length: [20, u32le] });

/** Section 5.3, "SP": its check bytes, and how many bytes of each system use area to pass over. */
export const SharingProtocol = struct('SUSP SP', 7, { check: [4, u16be], skip: [6, u8] });
export const SHARING_CHECK = 0xbeef;

/*
 * Rock Ridge Interchange Protocol, IEEE P1282 draft 1.12.
 */

/** Section 4.1.1, "PX": POSIX file attributes; the serial number is there from version 1.12 on. */
export const PosixAttributes = struct('RRIP PX', 36, {
  mode: [4, u32le],
  links: [12, u32le],
  uid: [20, u32le],
  gid: [28, u32le],
});
/** Length of a PX that has a file serial number at this offset. */
export const PX_WITH_SERIAL = 44;

/** Section 4.1.2, "PN": device number. Linux writes the whole number in `low` when it fits there. */
export const DeviceNumber = struct('RRIP PN', 20, { high: [4, u32le], low: [12, u32le] });

/** Section 4.1.3.1, flags of a component of "SL"; the same bits of "NM" (section 4.1.4). */
export const ComponentFlag = { continue: 1, current: 2, parent: 4, root: 8 } as const;

/** Section 4.1.5.1, "CL": the block of a directory that was moved. */
export const ChildLink = struct('RRIP CL', 12, { block: [4, u32le] });

/** Section 4.1.6, flags of "TF": which times follow, in this order, and whether they are of 17 bytes each. */
export const TimeFlag = { creation: 1, modify: 2, access: 4, attributes: 8, longForm: 0x80 } as const;

/** zisofs format version 1 and 2 (`zisofs_format.txt` of libisofs): the "ZF" entry of a file that is compressed. */
export const ZisofsEntry = struct('zisofs ZF', 16, {
  algorithm: [4, latin1(2)],
  headerSizeDiv4: [6, u8],
  blockSizeLog2: [7, u8],
  uncompressedSize: [8, u32le],
});
/** The same in version 2, whose sizes are of 64 bits. */
export const ZisofsEntry2 = struct('zisofs2 ZF', 16, { uncompressedSize: [8, u64le] });
export const ZISOFS_1 = 'pz';
export const ZISOFS_2 = 'PZ';

/** The header of the file's contents; block pointers follow, then the blocks as zlib streams. */
export const ZisofsHeader = struct('zisofs header', 16, {
  magic: [0, bytes(8)],
  uncompressedSize: [8, u32le],
  headerSizeDiv4: [12, u8],
  blockSizeLog2: [13, u8],
});
export const ZISOFS_MAGIC_1 = Uint8Array.of(0x37, 0xe4, 0x53, 0x96, 0xc9, 0xdb, 0xd6, 0x07);
export const ZISOFS_MAGIC_2 = Uint8Array.of(0xef, 0x22, 0x55, 0xa1, 0xbc, 0x1b, 0x95, 0xa0);

/*
 * "El Torito" Bootable CD-ROM Format Specification, version 1.0.
 */

/** Figure 2, "Validation Entry". */
export const ValidationEntry = struct(
  'El Torito validation entry',
  32,
  {
    headerId: [0, u8],
    platform: [1, u8],
    id: [4, latin1(24)],
    words: [0, array(u16le, 16)],
    key: [30, u16be],
  },
  { unions: ['words'] },
);
export const VALIDATION_KEY = 0x55aa;

/** Figures 3 and 5, "Initial/Default Entry" and "Section Entry". */
export const BootEntry = struct('El Torito entry', 32, {
  indicator: [0, u8],
  media: [1, u8],
  loadSegment: [2, u16le],
  systemType: [4, u8],
  sectorCount: [6, u16le],
  block: [8, u32le],
});
export const BOOTABLE = 0x88;

/** Figure 4, "Section Header Entry". */
export const SectionHeader = struct('El Torito section header', 32, {
  indicator: [0, u8],
  platform: [1, u8],
  entries: [2, u16le],
  id: [4, latin1(28)],
});
export const SectionIndicator = { more: 0x90, last: 0x91, extension: 0x44 } as const;
