import { crc32Raw, details, hexAt, label, labelUtf16, slice, uuidAt } from './fields.js';
import { hexMagic, type SignatureDetails, type SignatureSpec, text } from './signature.js';

/** XFS Algorithms & Data Structures, "Superblocks": sizes and their logarithms must agree. */
function checkXfs(view: DataView): SignatureDetails | undefined {
  const isLog = (size: number, log: number): boolean => size !== 0 && log < 32 && 2 ** log === size;
  const sane =
    isLog(view.getUint32(4), view.getUint8(120)) &&
    isLog(view.getUint16(102), view.getUint8(121)) &&
    isLog(view.getUint16(104), view.getUint8(122)) &&
    view.getUint32(88) !== 0;
  // blkid counts in sectors here, the least that XFS reads at once.
  return sane
    ? details({ label: label(view, 108, 12), uuid: uuidAt(view, 32), blockSize: view.getUint16(102) })
    : undefined;
}

const XFS: SignatureSpec = {
  type: 'xfs',
  usage: 'filesystem',
  magics: [text(0, 'XFSB')],
  read: async (w, { base }) => {
    const view = await w.view(base, 512);
    return view === undefined ? undefined : checkXfs(view);
  },
};

/** A hardened XFS of Exagrid: the same superblock. */
const EXFS: SignatureSpec = { ...XFS, type: 'exfs', magics: [text(0, 'EXFS')] };

/** XFS Algorithms & Data Structures, "Journaling Log": a log on a device of its own begins with a record. */
const XFS_LOG: SignatureSpec = {
  type: 'xfs_external_log',
  usage: 'other',
  magics: [hexMagic(0, 'feedbabe')],
  read: async (w, { base }) => {
    const view = await w.view(base, 512);
    if (view === undefined || view.getUint32(12) === 0) return undefined;
    const version = view.getUint32(8);
    // Little-endian Linux is the only one that writes them.
    return version > 0 && version <= 3 && view.getUint32(300) === 1 ? {} : undefined;
  },
};

/** Kernel Documentation/filesystems/zonefs.rst; `struct zonefs_super`. */
const ZONEFS: SignatureSpec = {
  type: 'zonefs',
  usage: 'filesystem',
  magics: [text(0, 'SFOZ')],
  read: async (w, { base }) => {
    const view = await w.view(base, 96);
    return view && details({ label: label(view, 8, 64) });
  },
};

/** Btrfs on-disk format, "Superblock": the first copy at 64 KiB. */
const BTRFS: SignatureSpec = {
  type: 'btrfs',
  usage: 'filesystem',
  magics: [text(0x10040, '_BHRfS_M', -0x40)],
  read: async (w, { base }) => {
    const view = await w.view(base, 0x22b);
    if (view === undefined) return undefined;
    const [uuid, uuidSub] = [uuidAt(view, 0x20), uuidAt(view, 0x10b)];
    return details({ label: label(view, 0x12b, 256), uuid, uuidSub, blockSize: view.getUint32(0x90, true) });
  },
};

/** Kernel include/linux/f2fs_fs.h, `struct f2fs_super_block`; documented in Documentation/filesystems/f2fs.rst. */
const F2FS: SignatureSpec = {
  type: 'f2fs',
  usage: 'filesystem',
  magics: [hexMagic(1024, '1020f5f2')],
  read: async (w, { base }) => {
    const view = await w.view(base, 0x7c + 1024);
    if (view === undefined) return undefined;
    const version = `${view.getUint16(4, true)}.${view.getUint16(6, true)}`;
    return details({ label: labelUtf16(slice(view, 0x7c, 1024)), uuid: uuidAt(view, 0x6c), version });
  },
};

/** JFS layout, `struct superblock` of IBM's documentation. */
const JFS: SignatureSpec = {
  type: 'jfs',
  usage: 'filesystem',
  magics: [text(0x8000, 'JFS1')],
  read: async (w, { base }) => {
    const view = await w.view(base, 184);
    if (view === undefined || 2 ** view.getUint16(20, true) !== view.getUint32(16, true)) return undefined;
    return details({ label: label(view, 152, 16), uuid: uuidAt(view, 136) });
  },
};

const REISER_VERSIONS = ['3.5', '3.5', '3.6', 'JR'];

/** ReiserFS 3: "ReiserFS journal and superblock" (Buchholz, The structure of the Reiser file system). */
const REISERFS: SignatureSpec = {
  type: 'reiserfs',
  usage: 'filesystem',
  magics: [
    text(0x2034, 'ReIsErFs', -0x34),
    text(0x10034, 'ReIsErFs', -0x34),
    text(0x10034, 'ReIsEr2Fs', -0x34),
    text(0x10034, 'ReIsEr3Fs', -0x34),
  ],
  read: async (w, { base, index }) => {
    const view = await w.view(base, 116);
    if (view === undefined) return undefined;
    const version = REISER_VERSIONS[index]!;
    if (version === '3.5') return { version };
    return details({ label: label(view, 100, 16), uuid: uuidAt(view, 84), version });
  },
};

const REISER4: SignatureSpec = {
  type: 'reiser4',
  usage: 'filesystem',
  magics: [text(0x10000, 'ReIsEr4')],
  read: async (w, { base }) => {
    const view = await w.view(base, 52);
    return view && details({ label: label(view, 36, 16), uuid: uuidAt(view, 20), version: '4' });
  },
};

/** Kernel include/uapi/linux/nilfs2_ondisk.h, `struct nilfs_super_block`. */
const NILFS2: SignatureSpec = {
  type: 'nilfs2',
  usage: 'filesystem',
  magics: [hexMagic(1024 + 6, '3434', -6)],
  read: async (w, { base }) => {
    const view = await w.view(base, 1024);
    const length = view?.getUint16(8, true) ?? 0;
    if (view === undefined || length < 248 || length > 1024) return undefined;
    const covered = slice(view, 0, length).slice();
    covered.fill(0, 16, 20);
    if (crc32Raw(view.getUint32(12, true), covered) !== view.getUint32(16, true)) return undefined;
    const version = String(view.getUint32(0, true));
    return details({ label: label(view, 168, 80), uuid: uuidAt(view, 152), version });
  },
};

/** Kernel fs/erofs documentation, "On-disk layout". */
const EROFS: SignatureSpec = {
  type: 'erofs',
  usage: 'filesystem',
  magics: [hexMagic(1024, 'e2e1f5e0')],
  read: async (w, { base }) => {
    const view = await w.view(base, 128);
    return view && details({ label: label(view, 64, 16), uuid: uuidAt(view, 48) });
  },
};

/** Squashfs Binary Format (dr-emann), section 2: the version decides the byte order's magic and the name. */
const SQUASHFS: SignatureSpec = {
  type: 'squashfs',
  otherTypes: ['squashfs3'],
  usage: 'filesystem',
  magics: [text(0, 'hsqs'), text(0, 'sqsh')],
  read: async (w, { base, index }) => {
    const view = await w.view(base, 96);
    if (view === undefined) return undefined;
    const littleEndian = index === 0;
    const major = view.getUint16(28, littleEndian);
    if (major > 4 || (major === 4 && !littleEndian)) return undefined;
    const version = `${major}.${view.getUint16(30, littleEndian)}`;
    return { type: major < 4 ? 'squashfs3' : 'squashfs', version };
  },
};

/** Kernel Documentation/filesystems/cramfs.rst; `struct cramfs_super`. */
const CRAMFS: SignatureSpec = {
  type: 'cramfs',
  usage: 'filesystem',
  magics: [hexMagic(0, '453dcd28'), hexMagic(0, '28cd3d45')],
  read: async (w, { base }) => {
    const view = await w.view(base, 64);
    if (view === undefined || hexAt(view, 16, 4) !== '436f6d70') return undefined;
    return details({ label: label(view, 48, 16) });
  },
};

/** Kernel Documentation/filesystems/romfs.rst. */
const ROMFS: SignatureSpec = {
  type: 'romfs',
  usage: 'filesystem',
  magics: [text(0, '-rom1fs-')],
  read: async (w, { base }) => {
    const view = await w.view(base, 32);
    return view && details({ label: label(view, 16, 16) });
  },
};

/** GFS2 on-disk format, `struct gfs2_sb`: format 1801 and above is GFS2, 1309 the first GFS. */
const GFS2: SignatureSpec = {
  type: 'gfs2',
  otherTypes: ['gfs'],
  usage: 'filesystem',
  magics: [hexMagic(0x10000, '01161970')],
  read: async (w, { base }) => {
    const view = await w.view(base, 272);
    if (view === undefined) return undefined;
    const type = view.getUint32(24) === 1309 ? 'gfs' : 'gfs2';
    return details({ type, label: label(view, 160, 64), uuid: uuidAt(view, 256), version: '1' });
  },
};

/** Kernel fs/ocfs2/ocfs2_fs.h, `struct ocfs2_super_block` within its inode. */
const OCFS2: SignatureSpec = {
  type: 'ocfs2',
  usage: 'filesystem',
  magics: [0x400, 0x800, 0x1000, 0x2000].map((at) => text(at, 'OCFSV2')),
  read: async (w, { base }) => {
    const view = await w.view(base, 352);
    if (view === undefined) return undefined;
    const version = `${view.getUint16(192, true)}.${view.getUint16(194, true)}`;
    return details({ label: label(view, 272, 64), uuid: uuidAt(view, 336), version });
  },
};

const UBI: SignatureSpec = { type: 'ubi', usage: 'raid', magics: [text(0, 'UBI#')] };
const UBIFS: SignatureSpec = { type: 'ubifs', usage: 'filesystem', magics: [hexMagic(0, '31181006')] };

/** File systems of Linux other than ext. */
export const LINUX_FILESYSTEMS: readonly SignatureSpec[] = [
  XFS,
  EXFS,
  XFS_LOG,
  ZONEFS,
  BTRFS,
  F2FS,
  JFS,
  REISERFS,
  REISER4,
  NILFS2,
  EROFS,
  SQUASHFS,
  CRAMFS,
  ROMFS,
  GFS2,
  OCFS2,
  UBI,
  UBIFS,
];
