import { details, labelUtf16be, slice, uuidAt } from './fields.js';
import { hexMagic, type ProbeWindow, type SignatureDetails, type SignatureSpec, text } from './signature.js';

/** TN1150: the volume header lies 1024 bytes from the start. */
const HEADER_AT = 1024;
/** TN1150: `signature` of HFS, and of HFS Plus within its wrapper. */
const EMBEDDED = { hfsPlus: 0x482b, hfsx: 0x4858 } as const;
/** CNID of the root folder's parent: the first record of the catalog is its thread. */
const ROOT_PARENT = 1;
const EXTENTS = 8;
const MAX_NODE = 65536;

/** Where the byte at `position` of the catalog file is, by the first eight extents; undefined beyond them. */
function catalogPlace(header: DataView, blockSize: number, position: number): number | undefined {
  let skip = position;
  for (let i = 0; i < EXTENTS; i++) {
    const at = 272 + 16 + i * 8;
    const length = header.getUint32(at + 4) * blockSize;
    if (skip < length) return header.getUint32(at) * blockSize + skip;
    skip -= length;
  }
  return undefined;
}

/** The volume's name: the key of the first leaf record (TN1150, "Catalog File"). */
async function volumeName(w: ProbeWindow, start: number, header: DataView): Promise<string | undefined> {
  const blockSize = header.getUint32(40);
  const rootAt = catalogPlace(header, blockSize, 0);
  const root = rootAt === undefined ? undefined : await w.view(start + rootAt, 512);
  if (root === undefined) return undefined;
  const nodeSize = root.getUint16(14 + 18);
  const leafAt = catalogPlace(header, blockSize, root.getUint32(14 + 10) * nodeSize);
  if (leafAt === undefined || nodeSize < 512 || nodeSize > MAX_NODE) return undefined;
  const leaf = await w.view(start + leafAt, nodeSize);
  if (leaf === undefined || leaf.getUint32(16) !== ROOT_PARENT) return undefined;
  const units = leaf.getUint16(20);
  return 22 + units * 2 <= nodeSize && units <= 255 ? labelUtf16be(slice(leaf, 22, units * 2)) : undefined;
}

async function readHfsPlus(w: ProbeWindow, start: number): Promise<SignatureDetails | undefined> {
  const header = await w.view(start + HEADER_AT, 512);
  if (header === undefined) return undefined;
  const signature = header.getUint16(0);
  if (signature !== EMBEDDED.hfsPlus && signature !== EMBEDDED.hfsx) return undefined;
  const blockSize = header.getUint32(40);
  if (blockSize < 512 || blockSize > 2 ** 30) return undefined;
  return details({ type: 'hfsplus', label: await volumeName(w, start, header) });
}

/** Inside Macintosh: Files, page 2-59, the master directory block; HFS Plus may hide within. */
async function readHfs(w: ProbeWindow): Promise<SignatureDetails | undefined> {
  const view = await w.view(HEADER_AT, 162);
  if (view === undefined) return undefined;
  const blockSize = view.getUint32(20);
  if (blockSize === 0 || blockSize % 512 !== 0) return undefined;
  const embedded = view.getUint16(124);
  if (embedded === EMBEDDED.hfsPlus || embedded === EMBEDDED.hfsx) {
    return readHfsPlus(w, view.getUint16(28) * 512 + view.getUint16(126) * blockSize);
  }
  const length = Math.min(view.getUint8(36), 27);
  return details({ label: new TextDecoder('macintosh').decode(slice(view, 37, length)) });
}

const HFS: SignatureSpec = {
  type: 'hfs',
  usage: 'filesystem',
  magics: [hexMagic(HEADER_AT, '4244')],
  read: (w) => readHfs(w),
};

const HFSPLUS: SignatureSpec = {
  type: 'hfsplus',
  usage: 'filesystem',
  magics: [text(HEADER_AT, 'H+'), text(HEADER_AT, 'HX')],
  read: (w) => readHfsPlus(w, 0),
};

/** Apple File System Reference, `nx_superblock_t`: object type 1 without subtype. */
const APFS: SignatureSpec = {
  type: 'apfs',
  usage: 'filesystem',
  magics: [text(32, 'NXSB', -32)],
  read: async (w, { base }) => {
    const view = await w.view(base, 88);
    if (view === undefined || view.getUint16(24, true) !== 1 || view.getUint32(28, true) !== 0) return undefined;
    return details({ uuid: uuidAt(view, 72) });
  },
};

/** File systems of Apple's systems. */
export const APPLE: readonly SignatureSpec[] = [HFSPLUS, HFS, APFS];
