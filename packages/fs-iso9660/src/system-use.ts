import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { readSpan } from './directory-record.js';
import { ContinuationArea, SHARING_CHECK, SharingProtocol, SuspEntry } from './layout.js';

/** Continuations of one system use area that are followed; real ones have a few. */
const MAX_CONTINUATIONS = 64;

/** An entry of a system use area. `data` has its signature, length and version too, so that offsets are the specification's. */
export interface SystemUseEntry {
  readonly signature: string;
  readonly data: Uint8Array;
}

/** Bytes to pass over in each system use area when the root's says that SUSP is used; undefined when it does not. */
export function sharingSkip(systemUse: Uint8Array): number | undefined {
  // CD-ROM XA puts 14 bytes of its own before.
  for (const at of [0, 14]) {
    if (at + SharingProtocol.size > systemUse.length) return undefined;
    const { signature } = SuspEntry.decode(systemUse, at);
    const { check, skip } = SharingProtocol.decode(systemUse, at);
    if (signature === 'SP' && check === SHARING_CHECK) return skip;
  }
  return undefined;
}

/** Entries of one area; what follows a length that cannot be is not SUSP. */
function* entriesIn(area: Uint8Array): Generator<SystemUseEntry> {
  for (let at = 0; at + SuspEntry.size <= area.length; ) {
    const { signature, length } = SuspEntry.decode(area, at);
    if (length < SuspEntry.size || at + length > area.length || signature === 'ST') return;
    yield { signature, data: area.subarray(at, at + length) };
    at += length;
  }
}

/**
 * All entries of a system use area, through its continuations (SUSP, section 5.1).
 * @throws CorruptImageError when the continuations do not end
 */
export async function readSystemUse(
  device: BlockDevice,
  blockSize: number,
  systemUse: Uint8Array,
  skip: number,
): Promise<SystemUseEntry[]> {
  const out: SystemUseEntry[] = [];
  let area: Uint8Array | undefined = systemUse.subarray(Math.min(skip, systemUse.length));
  for (let count = 0; area !== undefined; count++) {
    if (count > MAX_CONTINUATIONS) {
      throw new CorruptImageError({ structure: 'SUSP CE', reason: 'the continuation areas do not end' });
    }
    let next: Uint8Array | undefined;
    for (const entry of entriesIn(area)) {
      if (entry.signature === 'CE' && entry.data.length >= ContinuationArea.size) {
        const { block, offset, length } = ContinuationArea.decode(entry.data);
        if (length > blockSize || offset + length > blockSize) {
          throw new CorruptImageError({
            structure: 'SUSP CE',
            field: 'length',
            found: length,
            expected: 'within a block',
          });
        }
        next = await readSpan(device, block * blockSize + offset, length);
      } else out.push(entry);
    }
    area = next;
  }
  return out;
}
