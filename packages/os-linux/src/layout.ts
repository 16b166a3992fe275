import { bytes, struct, u8, u16be, u16le } from '@vmcraft/core/binary';

/** ELF identification, System V ABI (gABI 4.1) chapter 4 "ELF Header": `e_ident`. */
export const ElfIdent = struct('e_ident', 16, { magic: [0, bytes(4)], class: [4, u8], data: [5, u8] });

/** `EI_MAG0..3`. */
export const ELF_MAGIC = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46);
/** `EI_CLASS`. */
export const ELFCLASS32 = 1;
export const ELFCLASS64 = 2;
/** `EI_DATA`: least significant byte first. */
export const ELFDATA2LSB = 1;

/** Start of the header, little-endian files. */
export const ElfHeaderLe = struct('Elf_Ehdr', 20, { type: [16, u16le], machine: [18, u16le] });
/** Start of the header, big-endian files. */
export const ElfHeaderBe = struct('Elf_Ehdr', 20, { type: [16, u16be], machine: [18, u16be] });

/** `e_machine` values of the ABI registry, and the names of guestfs `file_architecture`. */
export const ELF_MACHINES: Readonly<Record<number, string>> = {
  2: 'sparc',
  3: 'i386',
  8: 'mips',
  18: 'sparc',
  20: 'ppc',
  21: 'ppc64',
  22: 's390',
  40: 'arm',
  43: 'sparc64',
  50: 'ia64',
  62: 'x86_64',
  183: 'aarch64',
  243: 'riscv',
  258: 'loongarch',
};
