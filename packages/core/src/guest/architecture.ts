import { concatBytes } from '../binary/index.js';
import { UnsupportedFeatureError } from '../errors/index.js';
import { compressionOf, initrdEntries } from './initrd.js';
import type { Session } from './session.js';

/** Bytes that tell what a program is for. */
const HEAD = 4096;
/** Bytes of an initrd that are looked through for a program. */
const MAX_INITRD = 1024 * 1024 * 1024;

/** `e_machine` values of the System V ABI and its supplements, and guestfs's names for them. */
const ELF_MACHINES: ReadonlyMap<number, string> = new Map([
  [2, 'sparc'],
  [3, 'i386'],
  [6, 'i386'],
  [18, 'sparc'],
  [20, 'ppc'],
  [40, 'arm'],
  [43, 'sparc64'],
  [50, 'ia64'],
  [62, 'x86_64'],
  [183, 'aarch64'],
  [258, 'loongarch64'],
]);
const EM_PPC64 = 21;
const EM_S390 = 22;
const EM_RISCV = 243;
const ELFCLASS64 = 2;
const ELFDATA2MSB = 2;

/** `Machine` values of PE/COFF ("Machine Types" in the PE Format specification). */
const PE_MACHINES: ReadonlyMap<number, string> = new Map([
  [0x14c, 'i386'],
  [0x1c0, 'arm'],
  [0x1c4, 'arm'],
  [0x200, 'ia64'],
  [0x8664, 'x86_64'],
  [0xaa64, 'aarch64'],
  [0x5064, 'riscv64'],
]);

/** Programs that an initrd is likely to have. */
const PROGRAM =
  /^(?:\.?\/)?(?:usr\/)?s?bin\/(?:ls|rm|modprobe|sh|bash|dash|nash|busybox|kmod|udevadm|systemctl|mount|cat)$/;

/** The processor that a file of the guest is for. @throws UnsupportedFeatureError when it cannot be told */
export async function detectArchitecture(g: Session, path: string): Promise<string> {
  const file = await g.vfs.open(path, 'file_architecture', { signal: g.signal });
  const head = await file.read(0, HEAD);
  const direct = architectureOf(head);
  if (direct !== undefined) return direct;
  const compression = compressionOf(head);
  if (compression !== undefined) {
    const inner = await firstBytes(g.platform.decompress(compression, file.stream()), HEAD);
    const found = architectureOf(inner);
    if (found !== undefined) return found;
  }
  if (compression !== undefined || isCpio(head)) {
    const found = await architectureOfInitrd(g, file.stream());
    if (found !== undefined) return found;
  }
  throw new UnsupportedFeatureError({ feature: 'unknown architecture', structure: path });
}

async function architectureOfInitrd(g: Session, source: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  let seen = 0;
  for await (const entry of initrdEntries(g.platform, source)) {
    seen += entry.size;
    if (seen > MAX_INITRD) return undefined;
    if (!PROGRAM.test(entry.name) || entry.size === 0) continue;
    const found = architectureOf(await firstBytes(entry.content(), HEAD));
    if (found !== undefined) return found;
  }
  return undefined;
}

async function firstBytes(source: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let have = 0;
  for await (const chunk of source) {
    parts.push(chunk);
    have += chunk.length;
    if (have >= length) break;
  }
  return concatBytes(parts).subarray(0, length);
}

function isCpio(head: Uint8Array): boolean {
  return String.fromCharCode(...head.subarray(0, 5)) === '07070';
}

/** The processor of an ELF or PE image by its first bytes. */
export function architectureOf(head: Uint8Array): string | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length >= 20 && view.getUint32(0) === 0x7f454c46) return elfArchitecture(head, view);
  if (head.length >= 64 && view.getUint16(0) === 0x4d5a) return peArchitecture(view);
  return undefined;
}

function elfArchitecture(head: Uint8Array, view: DataView): string | undefined {
  const is64 = head[4] === ELFCLASS64;
  const isBig = head[5] === ELFDATA2MSB;
  const machine = view.getUint16(18, !isBig);
  if (machine === EM_PPC64) return isBig ? 'ppc64' : 'ppc64le';
  if (machine === EM_S390) return is64 ? 's390x' : 's390';
  if (machine === EM_RISCV) return is64 ? 'riscv64' : 'riscv32';
  return ELF_MACHINES.get(machine);
}

/** The offset of the PE header is at 0x3c. */
function peArchitecture(view: DataView): string | undefined {
  const at = view.getUint32(0x3c, true);
  if (at + 6 > view.byteLength || view.getUint32(at) !== 0x50450000) return undefined;
  return PE_MACHINES.get(view.getUint16(at + 4, true));
}
