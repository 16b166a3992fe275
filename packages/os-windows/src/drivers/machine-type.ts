import { viewOf } from '@vmcraft/core/binary';
import type { InfArchitecture } from '../inf/index.js';

/** IMAGE_FILE_HEADER.Machine (PE Format, "Machine Types"). */
const MACHINES: ReadonlyMap<number, InfArchitecture> = new Map([
  [0x014c, 'x86'],
  [0x8664, 'amd64'],
  [0xaa64, 'arm64'],
  [0x01c4, 'arm'],
  [0x0200, 'ia64'],
]);
/** Offset of the PE signature's offset in the DOS header. */
const E_LFANEW = 0x3c;

/** The processor a program or driver is for; undefined when the bytes are no Windows program. */
export function machineOf(bytes: Uint8Array): InfArchitecture | undefined {
  if (bytes.length < 0x40 || bytes[0] !== 0x4d || bytes[1] !== 0x5a) return undefined;
  const view = viewOf(bytes);
  const at = view.getUint32(E_LFANEW, true);
  if (at + 6 > bytes.length || view.getUint32(at, true) !== 0x0000_4550) return undefined;
  return MACHINES.get(view.getUint16(at + 4, true));
}
