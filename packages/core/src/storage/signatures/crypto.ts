import { guid } from '../../binary/index.js';
import { details, hexAt, label, labelUtf16, slice } from './fields.js';
import { hexMagic, type ProbeWindow, type SignatureDetails, type SignatureSpec, text } from './signature.js';

/** Places of the second LUKS2 header: the first one's possible sizes (LUKS2 On-Disk Format 1.0, section 2.1). */
const LUKS2_SIZES = [0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000] as const;

/** LUKS1 On-Disk Format 1.2.3, section 6.1, and LUKS2, section 2.1: the UUID is text in both. */
function readLuks(view: DataView): SignatureDetails | undefined {
  const version = view.getUint16(6);
  if (version !== 1 && version !== 2) return undefined;
  const named = version === 2 ? label(view, 24, 48) : undefined;
  return details({ label: named, uuid: label(view, 168, 40), version: String(version) });
}

const LUKS: SignatureSpec = {
  type: 'crypto_LUKS',
  usage: 'crypto',
  magics: [hexMagic(0, '4c554b53babe')],
  read: async (w, { base }) => {
    const view = await w.view(base, 256);
    return view && readLuks(view);
  },
};

const LUKS_SECONDARY: SignatureSpec = {
  type: 'crypto_LUKS',
  usage: 'crypto',
  magics: LUKS2_SIZES.map((at) => hexMagic(at, '534b554cbabe')),
  read: async (w, { base }) => {
    const view = await w.view(base, 264);
    // Its own offset is a field (`hdr_offset`), so that data that looks like a header is not one.
    const isReal = view?.getUint16(6) === 2 && view.getBigUint64(256) === BigInt(base);
    const first = await w.bytes(0, 4);
    const shadowed = first !== undefined && String.fromCharCode(...first) === 'LUKS';
    return isReal && !shadowed ? readLuks(view) : undefined;
  },
};

/** Volume header of Windows 7 and later: this GUID tells where the three offsets of the metadata are. */
const BITLOCKER_GUID = '3bd66749292ed84a8399f6a339e3d001';
const FVE_MAGIC = '2d4656452d46532d';
/** A metadata entry of type 7 is the volume's description, value type 2 is UTF-16 text. */
const FVE_ENTRY = { description: 7, text: 2 } as const;
/** Metadata read at most. */
const FVE_MAX = 65536;

/** libbde, "BitLocker Drive Encryption (BDE) format", section 2: where the first metadata block is. */
function fveOffset(view: DataView): number | undefined {
  if (hexAt(view, 160, 16) === BITLOCKER_GUID) return Number(view.getBigUint64(176, true));
  if (hexAt(view, 424, 16) === BITLOCKER_GUID) return Number(view.getBigUint64(440, true));
  // Windows Vista: a cluster number instead.
  const cluster = view.getUint16(11, true) * view.getUint8(13);
  return Number(view.getBigUint64(56, true)) * cluster;
}

async function readBitlocker(window: ProbeWindow): Promise<SignatureDetails | undefined> {
  const header = await window.view(0, 512);
  const at = header === undefined ? undefined : fveOffset(header);
  const block = at === undefined ? undefined : await window.view(at, 112);
  if (block === undefined || hexAt(block, 0, 8) !== FVE_MAGIC) return {};
  const version = String(block.getUint16(10, true));
  const uuid = guid.read(block, 80);
  const length = Math.min(block.getUint32(64, true), FVE_MAX);
  const data = await window.view(at! + 64, length);
  return details({ version, uuid, label: data === undefined ? undefined : fveDescription(data) });
}

function fveDescription(data: DataView): string | undefined {
  for (let at = 48; at + 8 <= data.byteLength; ) {
    const size = data.getUint16(at, true);
    if (size < 8 || at + size > data.byteLength) return undefined;
    if (data.getUint16(at + 2, true) === FVE_ENTRY.description && data.getUint16(at + 4, true) === FVE_ENTRY.text) {
      return labelUtf16(slice(data, at + 8, size - 8));
    }
    at += size;
  }
  return undefined;
}

const BITLOCKER: SignatureSpec = {
  type: 'BitLocker',
  usage: 'crypto',
  magics: [text(3, '-FVE-FS-'), hexMagic(424, BITLOCKER_GUID)],
  read: (window) => readBitlocker(window),
};

/** cryptsetup, "DMVerity superblock format". */
const VERITY: SignatureSpec = {
  type: 'DM_verity_hash',
  usage: 'crypto',
  magics: [text(0, 'verity\0\0')],
  read: async (w, { base }) => {
    const view = await w.view(base, 32);
    return view && { uuid: uuidText(view), version: String(view.getUint32(8, true)) };
  },
};

function uuidText(view: DataView): string {
  return hexAt(view, 16, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const INTEGRITY: SignatureSpec = { type: 'DM_integrity', usage: 'crypto', magics: [text(0, 'integrt\0')] };

/** Encrypted and verified containers. */
export const CRYPTO: readonly SignatureSpec[] = [LUKS, LUKS_SECONDARY, BITLOCKER, VERITY, INTEGRITY];
