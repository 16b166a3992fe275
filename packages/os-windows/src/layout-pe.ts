import { struct, u16le, u32le } from '@vmcraft/core/binary';

/** IMAGE_DOS_HEADER: only what leads to the PE header. Microsoft "PE Format", "MS-DOS Stub". */
export const DosHeader = struct('PE.DosHeader', 64, { magic: [0, u16le], peOffset: [0x3c, u32le] });
/** Signature and COFF file header. "PE Format", "Signature", "COFF File Header". */
export const CoffHeader = struct('PE.CoffHeader', 24, { signature: [0, u32le], machine: [4, u16le] });

/** `MZ`. */
export const DOS_MAGIC = 0x5a4d;
/** `PE\0\0`. */
export const PE_SIGNATURE = 0x4550;

/** "PE Format", "Machine Types": names as guestfs `file_architecture` writes them. */
export const PE_MACHINES: Readonly<Record<number, string>> = {
  332: 'i386',
  512: 'ia64',
  448: 'arm',
  452: 'arm',
  34404: 'x86_64',
  43620: 'aarch64',
};
