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

/** Whether bytes are a signed catalog: DER of PKCS #7 ContentInfo with signedData (RFC 2315, section 7). */
export function isCatalog(bytes: Uint8Array): boolean {
  const SIGNED_DATA = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
  if (bytes[0] !== 0x30) return false;
  const first = bytes[1] ?? 0;
  const header = first < 0x80 ? 2 : 2 + (first & 0x7f);
  return SIGNED_DATA.every((byte, i) => bytes[header + i] === byte);
}
