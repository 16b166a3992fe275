/** Architectures by `e_machine` of the ELF header (System V ABI, "ELF Header"), as uname(2) and qemu name them. */
const MACHINES: Readonly<Record<number, string>> = {
  3: 'i386',
  8: 'mips',
  20: 'ppc',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'x86_64',
  183: 'aarch64',
  243: 'riscv64',
  258: 'loongarch64',
};
const LITTLE_ENDIAN = 1;
const CLASS_64 = 2;

/** Architecture of a program; undefined when it is no ELF file. */
export function elfMachine(head: Uint8Array): string | undefined {
  if (head.length < 20 || head[0] !== 0x7f || head[1] !== 0x45 || head[2] !== 0x4c || head[3] !== 0x46)
    return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const isLittle = head[5] === LITTLE_ENDIAN;
  const machine = MACHINES[view.getUint16(18, isLittle)];
  const is64 = head[4] === CLASS_64;
  if (machine === 'mips') return `mips${is64 ? '64' : ''}${isLittle ? 'el' : ''}`;
  if (machine === 'riscv64' && !is64) return 'riscv32';
  return machine === 'ppc64' && isLittle ? 'ppc64le' : machine;
}

const HOST_MACHINES: Readonly<Record<string, readonly string[]>> = {
  x64: ['x86_64', 'i386'],
  ia32: ['i386'],
  arm64: ['aarch64'],
  arm: ['arm'],
  riscv64: ['riscv64'],
  ppc64: ['ppc64le', 'ppc64'],
  s390x: ['s390x'],
  loong64: ['loongarch64'],
};

/** Whether this host's processor runs programs of an architecture. */
export function runsHere(machine: string): boolean {
  return (HOST_MACHINES[process.arch] ?? []).includes(machine);
}
