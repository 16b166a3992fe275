import { isZero } from '../../binary/index.js';
import { crc32Raw, details, hexAt, label, slice, uuidAt } from './fields.js';
import { hexMagic, type Magic, type SignatureDetails, type SignatureSpec, text } from './signature.js';

/** Linux RAID Wiki, "RAID superblock formats": 0.90 lies in the last 64 KiB that is aligned to 64 KiB. */
const MD_RESERVED = 65536;
const md090At = (size: number): number | undefined =>
  size < MD_RESERVED ? undefined : size - (size % MD_RESERVED) - MD_RESERVED;
/** 1.0 lies at least 8 KiB from the end, aligned to 4 KiB. */
const md10At = (size: number): number | undefined => {
  const sectors = Math.floor(size / 512) - 16;
  return sectors < 0 ? undefined : (sectors - (sectors % 8)) * 512;
};
const MD_LITTLE = 'fc4e2ba9';
const MD_BIG = 'a92b4efc';
const MD1_MINOR_OF = ['1.0', '1.1', '1.2'];

const MD_090: SignatureSpec = {
  type: 'linux_raid_member',
  usage: 'raid',
  magics: [hexMagic(md090At, MD_LITTLE), hexMagic(md090At, MD_BIG)],
  read: async (w, { base, index }) => {
    const view = await w.view(base, 64);
    if (view === undefined) return undefined;
    const word = (i: number): number => view.getUint32(i * 4, index === 0);
    if (word(1) !== 0) return undefined;
    const hex = [5, 13, 14, 15].map((i) => word(i).toString(16).padStart(8, '0')).join('');
    const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    return { uuid, version: `${word(1)}.${word(2)}.${word(3)}` };
  },
};

const MD_1: SignatureSpec = {
  type: 'linux_raid_member',
  usage: 'raid',
  magics: [hexMagic(md10At, MD_LITTLE), hexMagic(0, MD_LITTLE), hexMagic(4096, MD_LITTLE)],
  read: async (w, { base, index }) => {
    const view = await w.view(base, 256);
    if (view === undefined || view.getUint32(4, true) !== 1) return undefined;
    if (view.getBigUint64(144, true) !== BigInt(base / 512)) return undefined;
    return details({
      label: label(view, 32, 32),
      uuid: uuidAt(view, 16),
      uuidSub: uuidAt(view, 168),
      version: MD1_MINOR_OF[index],
    });
  },
};

/** Seed of LVM's checksums (lvm2 `INITIAL_CRC`), which cover the label sector from its 20th byte. */
const LVM_CRC_SEED = 0xf597a6cf;

/** `K994MB-Sn1r-7rpS-hQEW-DgUP-87Dr-9d0MFa`: how LVM shows its 32 characters. */
function lvmUuid(raw: string): string {
  return raw.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
}

/** lvm2 "On-disk format", label and PV header: the label is in one of the first four sectors and knows which. */
const LVM2: SignatureSpec = {
  type: 'LVM2_member',
  usage: 'raid',
  magics: [0, 1, 2, 3].map((sector) => text(sector * 512, 'LABELONE')),
  read: async (w, { base }): Promise<SignatureDetails | undefined> => {
    const view = await w.view(base, 512);
    if (view === undefined || view.getBigUint64(8, true) !== BigInt(base / 512)) return undefined;
    if (crc32Raw(LVM_CRC_SEED, slice(view, 20, 492)) !== view.getUint32(16, true)) return undefined;
    const at = view.getUint32(20, true);
    if (at + 32 > 512) return undefined;
    const uuid = label(view, at, 32);
    return details({ uuid: uuid === undefined ? undefined : lvmUuid(uuid), version: label(view, 24, 8) });
  },
};

/** LVM1's `pv_disk`: version 1 or 2, and the place and size of itself. */
const LVM1: SignatureSpec = {
  type: 'LVM1_member',
  usage: 'raid',
  magics: [text(0, 'HM')],
  read: async (w, { base }) => {
    const view = await w.view(base, 76);
    if (view === undefined) return undefined;
    const version = view.getUint16(2, true);
    const isHeader = view.getUint32(4, true) === 0 && view.getUint32(8, true) === 1024;
    return isHeader && (version === 1 || version === 2) ? details({}) : undefined;
  },
};

/** Kernel include/uapi/linux/bcache.h, `struct cache_sb`. */
const BCACHE: SignatureSpec = {
  type: 'bcache',
  usage: 'other',
  magics: [hexMagic(4096 + 24, 'c68573f64e1a45ca8265f57f48ba6d81', -24)],
  read: async (w, { base }) => {
    const view = await w.view(base, 104);
    return view && details({ label: label(view, 72, 32), uuid: uuidAt(view, 40) });
  },
};

/** bcachefs on-disk format, `struct bch_sb`. */
const BCACHEFS: SignatureSpec = {
  type: 'bcachefs',
  usage: 'filesystem',
  magics: [hexMagic(4096 + 24, 'c68573f666ce90a9d96a60cf803df7ef', -24)],
  read: async (w, { base }) => {
    const view = await w.view(base, 104);
    return view && details({ label: label(view, 72, 32), uuid: uuidAt(view, 56), uuidSub: uuidAt(view, 40) });
  },
};

/** A block from the end. */
const fromEnd =
  (bytes: number): Exclude<Magic['at'], number> =>
  (size) =>
    size < bytes ? undefined : size - (size % 512) - bytes;

/** SNIA Common RAID DDF specification 2.0, section 5.7: the anchor is the last block. */
const DDF: SignatureSpec = {
  type: 'ddf_raid_member',
  usage: 'raid',
  magics: [hexMagic(fromEnd(512), 'de11de11')],
};

const INTEL: SignatureSpec = {
  type: 'isw_raid_member',
  usage: 'raid',
  magics: [text(fromEnd(1024), 'Intel Raid ISM Cfg Sig. ')],
};

/** Stratis on-disk metadata, "Static header". */
const STRATIS: SignatureSpec = {
  type: 'stratis',
  usage: 'raid',
  magics: [hexMagic(512 + 4, '215374726130746973 86ff02 5e41 7268'.replaceAll(' ', ''), -4)],
  read: async (w, { base }) => {
    const view = await w.view(base, 512);
    return view && details({ uuid: label(view, 32, 32), uuidSub: label(view, 64, 32) });
  },
};

const VDO: SignatureSpec = { type: 'vdo', usage: 'other', magics: [text(0, 'dmvdo001')] };
const SNAPSHOT: SignatureSpec = { type: 'DM_snapshot_cow', usage: 'other', magics: [text(0, 'SnAp')] };

/** PRIVHEAD of a Windows dynamic disk, sector 6 (Linux-NTFS project, "LDM documentation", PRIVHEAD). */
const LDM: SignatureSpec = {
  type: 'LDM_member',
  usage: 'raid',
  tolerant: true,
  magics: [text(6 * 512, 'PRIVHEAD')],
  read: async (w, { base }) => {
    const view = await w.view(base, 512);
    if (view === undefined || isZero(slice(view, 0x30, 64))) return undefined;
    const version = `${view.getUint16(12)}.${view.getUint16(14)}`;
    return details({
      uuid: label(view, 0xb0, 64),
      uuidSub: label(view, 0x30, 64),
      label: label(view, 0xf0, 32),
      version,
    });
  },
};

/** VMFS volumes and file systems, as vmfs-tools documents them. */
const VMFS_VOLUME: SignatureSpec = {
  type: 'VMFS_volume_member',
  usage: 'raid',
  magics: [hexMagic(0x100000, '0dd001c0')],
  read: async (w, { base }) => {
    const view = await w.view(base, 0x92);
    return view && { uuid: vmfsUuid(view, 0x82), version: String(view.getUint32(4, true)) };
  },
};

const VMFS: SignatureSpec = {
  type: 'VMFS',
  usage: 'filesystem',
  magics: [hexMagic(0x200000, '5ef1ab2f')],
  read: async (w, { base }) => {
    const view = await w.view(base, 29 + 128);
    if (view === undefined) return undefined;
    return details({ label: label(view, 29, 128), uuid: vmfsUuid(view, 9), version: String(view.getUint8(8)) });
  },
};

/** Two little-endian words, a little-endian half word, six bytes. */
function vmfsUuid(view: DataView, at: number): string {
  const word = (offset: number): string =>
    view
      .getUint32(at + offset, true)
      .toString(16)
      .padStart(8, '0');
  const half = view
    .getUint16(at + 8, true)
    .toString(16)
    .padStart(4, '0');
  return `${word(0)}-${word(4)}-${half}-${hexAt(view, at + 10, 6)}`;
}

/** Members of arrays and volume groups. They come first: what lies within one is the array's, not the member's. */
export const RAID_MEMBERS: readonly SignatureSpec[] = [
  MD_090,
  MD_1,
  DDF,
  INTEL,
  LVM2,
  LVM1,
  STRATIS,
  BCACHE,
  BCACHEFS,
  VDO,
  SNAPSHOT,
  VMFS_VOLUME,
  VMFS,
  LDM,
];
