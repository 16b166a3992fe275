import { isPowerOfTwo } from '../../binary/index.js';
import { details, labelUtf16, serial64, slice } from './fields.js';
import { type ProbeWindow, type SignatureSpec, text } from './signature.js';

/** MFT record of `$Volume`. */
const VOLUME_RECORD = 3;
/** Attribute types: `$VOLUME_NAME` and the end mark. */
const VOLUME_NAME = 0x60;
const END_MARK = 0xffffffff;
const MAX_RECORD = 65536;

/** Sizes from the boot sector (Linux-NTFS documentation, "$Boot"); negative values are powers of two. */
function readSizes(
  v: DataView,
): { readonly sector: number; readonly recordSize: number; readonly mftAt: number } | undefined {
  const sector = v.getUint16(11, true);
  if (!isPowerOfTwo(sector) || sector < 256 || sector > 4096) return undefined;
  const rawCluster = v.getUint8(13);
  const perCluster = rawCluster > 0x80 ? 2 ** (256 - rawCluster) : rawCluster;
  if (!isPowerOfTwo(perCluster)) return undefined;
  const cluster = sector * perCluster;
  const perRecord = v.getInt8(64);
  const recordSize = perRecord < 0 ? 2 ** -perRecord : perRecord * cluster;
  if (recordSize < 512 || recordSize > MAX_RECORD) return undefined;
  return { sector, recordSize, mftAt: Number(v.getBigUint64(48, true)) * cluster };
}

/** Put back the last two bytes of each sector that the record's update sequence array holds. */
function undoFixups(record: Uint8Array): DataView {
  const copy = record.slice();
  const view = new DataView(copy.buffer);
  const at = view.getUint16(4, true);
  const count = view.getUint16(6, true);
  for (let i = 1; i < count && i * 512 <= copy.length && at + i * 2 + 2 <= copy.length; i++) {
    view.setUint16(i * 512 - 2, view.getUint16(at + i * 2, true), true);
  }
  return view;
}

function volumeName(view: DataView): string | undefined {
  for (let at = view.getUint16(20, true); at + 24 <= view.byteLength; ) {
    const type = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    if (type === END_MARK || length < 24) return undefined;
    if (type === VOLUME_NAME) {
      const from = at + view.getUint16(at + 20, true);
      const bytes = view.getUint32(at + 16, true);
      return from + bytes <= view.byteLength ? labelUtf16(slice(view, from, bytes)) : undefined;
    }
    at += length;
  }
  return undefined;
}

async function readLabel(w: ProbeWindow, recordSize: number, mftAt: number): Promise<string | undefined> {
  const record = await w.bytes(mftAt + VOLUME_RECORD * recordSize, recordSize);
  if (record === undefined || String.fromCharCode(...record.subarray(0, 4)) !== 'FILE') return undefined;
  return volumeName(undoFixups(record));
}

export const NTFS: SignatureSpec = {
  type: 'ntfs',
  usage: 'filesystem',
  magics: [text(3, 'NTFS    ')],
  read: async (w) => {
    const view = await w.view(0, 512);
    const sizes = view && readSizes(view);
    if (view === undefined || sizes === undefined) return undefined;
    const label = await readLabel(w, sizes.recordSize, sizes.mftAt);
    return details({ label, uuid: serial64(view, 72), blockSize: sizes.sector });
  },
};

/** ReFS volume boot record (libfsrefs, "Resilient File System (ReFS) format", section 2). */
export const REFS: SignatureSpec = {
  type: 'ReFS',
  usage: 'filesystem',
  magics: [text(3, 'ReFS\0\0\0\0')],
  read: async (w) => {
    const view = await w.view(0, 72);
    return view && details({ uuid: serial64(view, 56), version: `${view.getUint8(40)}.${view.getUint8(41)}` });
  },
};
