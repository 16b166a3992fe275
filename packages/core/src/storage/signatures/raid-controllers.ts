import { crc32c } from '../../binary/index.js';
import { details, slice, uuidAt } from './fields.js';
import { hexMagic, type Magic, type SignatureSpec, text } from './signature.js';

/*
 * Members of arrays that a controller's firmware makes: each keeps its description near the end of the disk. Places and magics as the
 * dmraid project documents them ("Device-Mapper Software RAID support tool", format handlers).
 */

const SECTOR = 512;
/** Below this there are no arrays, only false friends. */
const SMALLEST = 65_536;

/** Sectors from the end. */
const fromEnd =
  (sectors: number): Exclude<Magic['at'], number> =>
  (size) =>
    size < SMALLEST + sectors * SECTOR ? undefined : (Math.floor(size / SECTOR) - sectors) * SECTOR;

const words = (view: DataView, bytes: number): number => {
  let sum = 0;
  for (let at = 0; at < bytes; at += 2) sum += view.getUint16(at, true);
  return sum & 0xffff;
};

const LSI: SignatureSpec = { type: 'lsi_mega_raid_member', usage: 'raid', magics: [text(fromEnd(1), '$XIDE$')] };

const VIA: SignatureSpec = {
  type: 'via_raid_member',
  usage: 'raid',
  magics: [hexMagic(fromEnd(1), '55aa')],
  read: async (w, { base }) => {
    const view = await w.view(base, 51);
    if (view === undefined || view.getUint8(2) > 2) return undefined;
    const sum = slice(view, 0, 50).reduce((total, byte) => total + byte, 0) & 0xff;
    return sum === view.getUint8(50) ? { version: String(view.getUint8(2)) } : undefined;
  },
};

const SILICON: SignatureSpec = {
  type: 'silicon_medley_raid_member',
  usage: 'raid',
  magics: [hexMagic((size) => plus(fromEnd(1)(size), 0x60), '0000002f', -0x60)],
  read: async (w, { base }) => {
    const view = await w.view(base, SECTOR);
    if (view === undefined || view.getUint8(0x116) >= 8) return undefined;
    if (((words(view, 0x13e) + view.getUint16(0x13e, true)) & 0xffff) !== 0) return undefined;
    return { version: `${view.getUint16(0x10a, true)}.${view.getUint16(0x108, true)}` };
  },
};

const NVIDIA: SignatureSpec = {
  type: 'nvidia_raid_member',
  usage: 'raid',
  magics: [text(fromEnd(2), 'NVIDIA')],
  read: async (w, { base }) => {
    const view = await w.view(base, SECTOR);
    const count = view?.getUint32(8, true) ?? 0;
    if (view === undefined || count < 5 || count * 4 > SECTOR) return undefined;
    let sum = 0;
    for (let at = 0; at < count * 4; at += 4) sum = (sum + view.getUint32(at, true)) >>> 0;
    return sum === 0 ? { version: String(view.getUint16(16, true)) } : undefined;
  },
};

/** Sectors from the end where some firmware or other puts it. */
const PROMISE_PLACES = [63, 255, 256, 16, 399, 591, 675, 735, 911, 974, 991, 951, 3087] as const;

const PROMISE: SignatureSpec = {
  type: 'promise_fasttrack_raid_member',
  usage: 'raid',
  magics: PROMISE_PLACES.map((sectors) => text(fromEnd(sectors), 'Promise Technology, Inc.')),
};

const HIGHPOINT_45X: SignatureSpec = {
  type: 'hpt45x_raid_member',
  usage: 'raid',
  magics: ['f316785a', 'fd16785a'].map((magic) => hexMagic(fromEnd(11), magic)),
};

const HIGHPOINT_37X: SignatureSpec = {
  type: 'hpt37x_raid_member',
  usage: 'raid',
  magics: ['f016785a', 'fd16785a'].map((magic) => hexMagic(9 * SECTOR + 32, magic)),
};

const ADAPTEC: SignatureSpec = {
  type: 'adaptec_raid_member',
  usage: 'raid',
  magics: [hexMagic(fromEnd(1), '37fc4d1e')],
  read: async (w, { base }) => {
    const view = await w.view(base, SECTOR);
    return view?.getUint32(0x100) === 0x4450544d ? { version: String(view.getUint8(0x104)) } : undefined;
  },
};

const JMICRON: SignatureSpec = {
  type: 'jmicron_raid_member',
  usage: 'raid',
  magics: [text(fromEnd(1), 'JM')],
  read: async (w, { base }) => {
    const view = await w.view(base, 128);
    // The sum is that of everything, or one more: firmware disagrees about the carry.
    if (view === undefined || ![0, 1, 0xffff].includes(words(view, 128))) return undefined;
    return { version: `${view.getUint8(3)}.${view.getUint8(2)}` };
  },
};

const plus = (place: number | undefined, by: number): number | undefined =>
  place === undefined ? undefined : place + by;

/** DRBD 8 and 9, `drbd_meta.h`: internal metadata are the last 4 KiB. */
const drbdAt = (size: number): number | undefined => (size < 0x10000 ? undefined : size - (size % 4096) - 4096 + 60);

const DRBD: SignatureSpec = {
  type: 'drbd',
  usage: 'raid',
  magics: ['8374026b', '8374026c', '8374026d'].map((magic) => hexMagic(drbdAt, magic, -60)),
  read: async (w, { base, index }) => {
    const view = await w.view(base, 64);
    if (view === undefined) return undefined;
    const uuid = view.getBigUint64(index < 2 ? 40 : 48).toString(16);
    return details({ uuid: uuid === '0' ? undefined : uuid, version: index < 2 ? 'v08' : 'v09' });
  },
};

/** Control volumes of drbdmanage: a line of magic, a line of 32 hexadecimal digits. */
const DRBDMANAGE: SignatureSpec = {
  type: 'drbdmanage_control_volume',
  usage: 'other',
  magics: [text(0, '$DRBDmgr=q\n')],
  read: async (w) => {
    const digits = new TextDecoder('latin1').decode((await w.bytes(11, 33)) ?? new Uint8Array());
    return /^[0-9a-f]{32}\n$/i.test(digits) ? { uuid: digits.trimEnd() } : undefined;
  },
};

const DRBDPROXY: SignatureSpec = {
  type: 'drbdproxy_datalog',
  usage: 'filesystem',
  magics: [text(0, 'DRBDdlh*')],
  read: async (w) => {
    const view = await w.view(0, 40);
    return view && details({ uuid: uuidAt(view, 16), version: `v${view.getBigUint64(8, true)}` });
  },
};

/** Ceph's block devices begin with a line of text. */
const CEPH: SignatureSpec = { type: 'ceph_bluestore', usage: 'other', magics: [text(0, 'bluestore block device')] };

/** HSE mpool: the checksum covers what comes before it. */
const MPOOL: SignatureSpec = {
  type: 'mpool',
  usage: 'filesystem',
  magics: [text(0, 'mpoolDev')],
  read: async (w) => {
    const view = await w.view(0, 66);
    if (view === undefined || crc32c(slice(view, 0, 62)) !== view.getUint32(62, true)) return undefined;
    const name = new TextDecoder().decode(slice(view, 8, 32)).replace(/\0.*$/s, '');
    return details({ label: name, uuid: uuidAt(view, 40) });
  },
};

/** Members of firmware arrays. */
export const RAID_CONTROLLERS: readonly SignatureSpec[] = [
  LSI,
  VIA,
  SILICON,
  NVIDIA,
  PROMISE,
  HIGHPOINT_45X,
  HIGHPOINT_37X,
  ADAPTEC,
  JMICRON,
];

/** Devices of clusters and storage pools. */
export const CLUSTER_DEVICES: readonly SignatureSpec[] = [DRBD, DRBDMANAGE, DRBDPROXY, CEPH, MPOOL];
