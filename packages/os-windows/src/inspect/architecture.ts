import type { Fact, FileTree } from '@vmcraft/core';
import { CoffHeader, DOS_MAGIC, DosHeader, PE_MACHINES, PE_SIGNATURE } from '../layout-pe.js';
import type { CaseTree } from './case-tree.js';
import type { HiveReader } from './hive-reader.js';

/** Programs that are made for the processor of the system, the kernel first. */
const PROGRAMS = ['ntoskrnl.exe', 'ntkrnlpa.exe', 'cmd.exe'];

/** PROCESSOR_ARCHITECTURE under the names of guestfs `file_architecture`. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  x86: 'i386',
  amd64: 'x86_64',
  arm64: 'aarch64',
  arm: 'arm',
  ia64: 'ia64',
};

/** Bytes a PE header may begin at; linkers put it right behind the DOS stub. */
const MAX_HEADER_OFFSET = 1 << 20;

/** The architecture of a PE file under its guestfs name; undefined when the file is none. */
export async function peArchitecture(files: FileTree, path: string): Promise<string | undefined> {
  const file = await files.open(path);
  if (file === undefined || file.size < DosHeader.size) return undefined;
  const dos = DosHeader.decode(await file.read(0, DosHeader.size));
  if (dos.magic !== DOS_MAGIC || dos.peOffset > MAX_HEADER_OFFSET || dos.peOffset + CoffHeader.size > file.size)
    return undefined;
  const coff = CoffHeader.decode(await file.read(dos.peOffset, CoffHeader.size));
  return coff.signature === PE_SIGNATURE ? PE_MACHINES[coff.machine] : undefined;
}

/** The processor of a system: by its kernel, else by what its environment says. */
export async function readArchitecture(
  tree: CaseTree,
  systemRoot: string,
  system: HiveReader | undefined,
  controlSet: string,
): Promise<Fact<string> | undefined> {
  for (const name of PROGRAMS) {
    const path = await tree.findFile(`${systemRoot}/System32/${name}`);
    const value = path === undefined ? undefined : await peArchitecture(tree.files, path);
    if (path !== undefined && value !== undefined) return { value, source: path };
  }
  const said = await system?.text(`${controlSet}\\Control\\Session Manager\\Environment`, 'PROCESSOR_ARCHITECTURE');
  const value = said === undefined ? undefined : ENVIRONMENT[said.value.toLowerCase()];
  return value === undefined || said === undefined ? undefined : { value, source: said.source };
}
