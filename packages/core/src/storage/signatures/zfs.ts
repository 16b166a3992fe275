import { decodeUtf8 } from '../../binary/index.js';
import { details, slice } from './fields.js';
import type { ProbeWindow, SignatureDetails } from './signature.js';

/** ZFS On-Disk Specification, section 1.2: four labels of 256 KiB, two at either end. */
export const ZFS_LABEL = 256 * 1024;
/** Within a label: the name/value list (112 KiB), then the array of uberblocks (128 KiB). */
const NVLIST = { at: 16 * 1024, length: 112 * 1024 } as const;
const UBERBLOCKS = { at: 128 * 1024, step: 1024, count: 128 } as const;
const UBERBLOCK_MAGIC = 0x00bab10cn;
/** `DATA_TYPE_UINT64` and `DATA_TYPE_STRING` (section 1.3.3). */
const TYPE = { uint64: 8, string: 9 } as const;
const MAX_PAIRS = 1024;

/** Section 1.3.3: the pairs of the outermost XDR list, those of interest. */
function readNvlist(view: DataView): ReadonlyMap<string, string> | undefined {
  // Encoding 1 is XDR.
  if (view.getUint8(0) !== 1) return undefined;
  const found = new Map<string, string>();
  let at = 12;
  for (let i = 0; i < MAX_PAIRS && at + 12 <= view.byteLength; i++) {
    const size = view.getUint32(at);
    const nameLength = view.getUint32(at + 8);
    if (size === 0) return found;
    const valueAt = at + 12 + ((nameLength + 3) & ~3) + 8;
    if (size < 20 || at + size > view.byteLength || nameLength > 256 || valueAt + 8 > at + size) return undefined;
    const name = decodeUtf8(slice(view, at + 12, nameLength));
    const type = view.getUint32(valueAt - 8);
    if (type === TYPE.uint64) found.set(name, view.getBigUint64(valueAt).toString());
    if (type === TYPE.string) {
      const length = Math.min(view.getUint32(valueAt), at + size - valueAt - 4);
      found.set(name, decodeUtf8(slice(view, valueAt + 4, length)));
    }
    at += size;
  }
  return undefined;
}

/** The pool version in the newest uberblock of a label; undefined when it has none. */
function uberblockVersion(array: DataView): string | undefined {
  let best: { version: bigint; txg: bigint } | undefined;
  for (let i = 0; i < UBERBLOCKS.count; i++) {
    const at = i * UBERBLOCKS.step;
    const littleEndian = array.getBigUint64(at, true) === UBERBLOCK_MAGIC;
    if (!littleEndian && array.getBigUint64(at) !== UBERBLOCK_MAGIC) continue;
    const version = array.getBigUint64(at + 8, littleEndian);
    const txg = array.getBigUint64(at + 16, littleEndian);
    if (best === undefined || txg > best.txg) best = { version, txg };
  }
  return best?.version.toString();
}

/** A ZFS member has no magic of its own: look for uberblocks and a list in each label. */
export async function probeZfs(w: ProbeWindow): Promise<{ base: number; details: SignatureDetails } | undefined> {
  const end = w.size - (w.size % ZFS_LABEL);
  if (end < 4 * ZFS_LABEL) return undefined;
  for (const base of [0, ZFS_LABEL, end - 2 * ZFS_LABEL, end - ZFS_LABEL]) {
    // The list begins with its encoding, its byte order and two zeros; do not read 128 KiB of anything else.
    const head = await w.view(base + NVLIST.at, 4);
    if (head === undefined || head.getUint8(0) !== 1 || head.getUint8(1) > 1 || head.getUint16(2) !== 0) continue;
    const array = await w.view(base + UBERBLOCKS.at, UBERBLOCKS.count * UBERBLOCKS.step);
    const version = array && uberblockVersion(array);
    const list = version === undefined ? undefined : await w.view(base + NVLIST.at, NVLIST.length);
    const pairs = list && readNvlist(list);
    if (pairs === undefined) continue;
    const facts = { label: pairs.get('name'), uuid: pairs.get('pool_guid'), uuidSub: pairs.get('guid'), version };
    return { base, details: details(facts) };
  }
  return undefined;
}
