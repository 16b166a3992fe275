import type { WindowsArch } from './releases.js';

/** IMAGE_FILE_MACHINE_* (Microsoft PE and COFF specification, "Machine Types"). */
const MACHINES: Readonly<Record<WindowsArch, number>> = { x86: 0x014c, amd64: 0x8664, arm64: 0xaa64 };

/** Subsystems of a PE file. */
export type Subsystem = 'native' | 'gui' | 'console' | 'efi';
const SUBSYSTEMS: Readonly<Record<Subsystem, number>> = { native: 1, gui: 2, console: 3, efi: 10 };

/** A PE file that does nothing: DOS stub, COFF header, optional header and one section with a `ret`. */
export function portableExecutable(arch: WindowsArch, subsystem: Subsystem, note: string): Uint8Array {
  const file = Buffer.alloc(0x600);
  const is64 = arch !== 'x86';
  file.write('MZ', 0, 'latin1');
  file.writeUInt32LE(0x80, 0x3c);
  file.write('This program cannot be run in DOS mode.\r\r\n$', 0x4e, 'latin1');
  file.write('PE\0\0', 0x80, 'latin1');
  const coff = 0x84;
  file.writeUInt16LE(MACHINES[arch], coff);
  file.writeUInt16LE(1, coff + 2);
  file.writeUInt16LE(is64 ? 240 : 224, coff + 16);
  file.writeUInt16LE(is64 ? 0x0022 : 0x0102, coff + 18);
  const optional = coff + 20;
  file.writeUInt16LE(is64 ? 0x20b : 0x10b, optional);
  file.writeUInt32LE(0x200, optional + 4);
  file.writeUInt32LE(0x1000, optional + 16);
  file.writeUInt32LE(0x1000, optional + 20);
  if (is64) file.writeBigUInt64LE(0x140000000n, optional + 24);
  else file.writeUInt32LE(0x400000, optional + 28);
  file.writeUInt32LE(0x1000, optional + 32);
  file.writeUInt32LE(0x200, optional + 36);
  file.writeUInt16LE(6, optional + 40);
  file.writeUInt16LE(6, optional + 48);
  file.writeUInt32LE(0x2000, optional + 56);
  file.writeUInt32LE(0x200, optional + 60);
  file.writeUInt16LE(SUBSYSTEMS[subsystem], optional + 68);
  file.writeUInt32LE(16, optional + (is64 ? 108 : 92));
  const section = optional + (is64 ? 240 : 224);
  file.write('.text', section, 'latin1');
  file.writeUInt32LE(0x200, section + 8);
  file.writeUInt32LE(0x1000, section + 12);
  file.writeUInt32LE(0x200, section + 16);
  file.writeUInt32LE(0x200, section + 20);
  file.writeUInt32LE(0x60000020, section + 36);
  file.writeUInt8(0xc3, 0x200);
  file.write(note, 0x400, 'latin1');
  return new Uint8Array(file);
}
