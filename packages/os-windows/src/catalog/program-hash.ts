import { viewOf } from '@vmcraft/core/binary';
import type { Session } from '@vmcraft/core/guest';
import { CoffHeader, DOS_MAGIC, DosHeader, PE_SIGNATURE } from '../layout-pe.js';
import type { Catalog, CatalogHash } from './catalog.js';

/** Offsets in the optional header ("PE Format", "Optional Header"). */
const Optional = { checksum: 64, certificates32: 128, certificates64: 144 } as const;
const PE32_PLUS = 0x20b;
/** What is signed is a multiple of this many bytes, with zeros at its end. */
const UNIT = 8;

/** The parts of a file that its hash covers; undefined when it is no program. */
function hashedParts(bytes: Uint8Array): Uint8Array[] | undefined {
  if (bytes.length < DosHeader.size) return undefined;
  const { magic, peOffset } = DosHeader.decode(bytes);
  const optional = peOffset + CoffHeader.size;
  if (magic !== DOS_MAGIC || optional + Optional.certificates64 + UNIT > bytes.length) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(peOffset, true) !== PE_SIGNATURE) return undefined;
  const is64 = view.getUint16(optional, true) === PE32_PLUS;
  const directory = optional + (is64 ? Optional.certificates64 : Optional.certificates32);
  const [start, size] = [view.getUint32(directory, true), view.getUint32(directory + 4, true)];
  const hasSignature = size > 0 && start > directory && start + size <= bytes.length;
  const end = hasSignature ? start : bytes.length;
  const checksum = optional + Optional.checksum;
  return [
    bytes.subarray(0, checksum),
    bytes.subarray(checksum + 4, directory),
    bytes.subarray(directory + UNIT, end),
    ...(hasSignature ? [bytes.subarray(start + size)] : []),
    new Uint8Array((UNIT - (end % UNIT)) % UNIT),
  ];
}

/** The hash of a file in a catalog: of a program all but its checksum and signature ("Calculating the PE Image Hash"), of others all. */
export function catalogDigest(g: Session, bytes: Uint8Array, algorithm: CatalogHash): string {
  const hasher = g.platform.hash(algorithm);
  for (const part of hashedParts(bytes) ?? [bytes]) hasher.update(part);
  return hasher.digest();
}

/** Whether a catalog vouches for a file: for these bytes, whatever their name. */
export function isCovered(g: Session, catalog: Catalog, bytes: Uint8Array): boolean {
  for (const algorithm of ['sha256', 'sha1'] as const) {
    const known = catalog.members.filter((member) => member.algorithm === algorithm);
    if (known.length === 0) continue;
    const digests = [catalogDigest(g, bytes, algorithm)];
    // A program may be listed by the hash of its whole file too.
    const whole = g.platform.hash(algorithm);
    whole.update(bytes);
    digests.push(whole.digest());
    if (known.some(({ digest }) => digests.includes(digest))) return true;
  }
  return false;
}
