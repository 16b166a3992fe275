import type { Fact, FileTree } from '@vmcraft/core';
import { equalBytes } from '@vmcraft/core/binary';
import { ELF_MACHINES, ELF_MAGIC, ELFCLASS64, ELFDATA2LSB, ElfHeaderBe, ElfHeaderLe, ElfIdent } from './layout.js';

/** Programs that every system has one of. */
const PROGRAMS = [
  '/bin/bash',
  '/bin/ls',
  '/bin/echo',
  '/bin/rm',
  '/bin/sh',
  '/sbin/init',
  '/usr/bin/env',
  '/bin/busybox',
];

/** Name of guestfs `file_architecture` for the first bytes of an ELF file; undefined when they are not one. */
export function elfArchitecture(head: Uint8Array): string | undefined {
  if (head.length < ElfHeaderLe.size) return undefined;
  const ident = ElfIdent.decode(head);
  if (!equalBytes(ident.magic, ELF_MAGIC)) return undefined;
  const little = ident.data === ELFDATA2LSB;
  const { machine } = (little ? ElfHeaderLe : ElfHeaderBe).decode(head);
  const wide = ident.class === ELFCLASS64;
  const name = ELF_MACHINES[machine];
  if (name === 'riscv' || name === 'loongarch') return `${name}${wide ? 64 : 32}`;
  if (name === 'ppc64' && little) return 'ppc64le';
  if (name === 's390' && wide) return 's390x';
  if (name === 'mips') return `mips${wide ? '64' : ''}${little ? 'el' : ''}`;
  return name ?? (machine === 0 ? undefined : `elf-machine-${machine}`);
}

/** The system's architecture by one of its programs. */
export async function readArchitecture(tree: FileTree): Promise<Fact<string> | undefined> {
  for (const source of PROGRAMS) {
    const head = await tree.read(source, ElfHeaderLe.size);
    const value = head === undefined ? undefined : elfArchitecture(head);
    if (value !== undefined) return { value, source };
  }
  return undefined;
}
