import { details, label, uuidAt } from './fields.js';
import { hexMagic, type Magic, type SignatureSpec, text } from './signature.js';

/** FreeBSD <ufs/ffs/fs.h>: places of the superblock, and of `fs_magic` in it. */
const UFS_SUPERBLOCKS = [8192, 65536, 0, 262144] as const;
const UFS_MAGIC_AT = 1372;
/** `FS_UFS1_MAGIC` and `FS_UFS2_MAGIC`, little- and big-endian. */
const UFS_MAGICS = ['54190100', '00011954', '19015419', '19540119'] as const;

const UFS: SignatureSpec = {
  type: 'ufs',
  usage: 'filesystem',
  magics: UFS_SUPERBLOCKS.flatMap((at) => UFS_MAGICS.map((m): Magic => hexMagic(at + UFS_MAGIC_AT, m, -UFS_MAGIC_AT))),
  read: async (w, { base, index }) => {
    const view = await w.view(base, 1376);
    if (view === undefined) return undefined;
    const kind = index % UFS_MAGICS.length;
    const littleEndian = kind % 2 === 0;
    const version = kind < 2 ? '1' : '2';
    const id = [144, 148].map((at) => view.getUint32(at, littleEndian).toString(16).padStart(8, '0')).join('');
    return details({
      version,
      uuid: /^0+$/.test(id) ? undefined : id,
      label: version === '2' ? label(view, 680, 32) : undefined,
    });
  },
};

/** SCO boot file system (UnixWare <sys/fs/bfs.h>). */
const BFS: SignatureSpec = { type: 'bfs', usage: 'filesystem', magics: [hexMagic(0, 'cefaad1b')] };

/** Be file system (Giampaolo, Practical File System Design, section 4.5): magic1 behind the name, either byte order. */
const BEFS: SignatureSpec = {
  type: 'befs',
  usage: 'filesystem',
  magics: [text(544, '1SFB', -32), text(544, 'BFS1', -32), text(32, '1SFB', -32), text(32, 'BFS1', -32)],
  read: async (w, { base }) => {
    const view = await w.view(base, 64);
    return view && details({ label: label(view, 0, 32) });
  },
};

const HPFS: SignatureSpec = { type: 'hpfs', usage: 'filesystem', magics: [hexMagic(8192, '49e895f9')] };

/** Linux <linux/sysv_fs.h>, System V: half a kilobyte into one of these blocks of 1 KiB, in either byte order. */
const SYSV_BLOCKS = [0, 9, 15, 18] as const;
const SYSV: SignatureSpec = {
  type: 'sysv',
  usage: 'filesystem',
  magics: SYSV_BLOCKS.flatMap((block) =>
    ['207e18fd', 'fd187e20'].map((magic) => hexMagic(block * 1024 + 512 + 504, magic, -504)),
  ),
  read: async (w, { base }) => {
    const view = await w.view(base, 512);
    return view && details({ label: label(view, 440, 6) });
  },
};

/** The same header, Xenix: the magic at the end of the second kilobyte; blkid looks right behind it. */
const XENIX: SignatureSpec = {
  type: 'xenix',
  usage: 'filesystem',
  magics: [1024 + 1016, 2048].flatMap((at) => ['44552b00', '002b5544'].map((magic) => hexMagic(at, magic))),
  read: async (w) => {
    const view = await w.view(1024, 1024);
    return view && details({ label: label(view, 632, 6) });
  },
};

/** Veritas, kernel fs/freevxfs/vxfs.h: little-endian of UnixWare at 1 KiB, big-endian of HP-UX at 8 KiB. */
const VXFS: SignatureSpec = {
  type: 'vxfs',
  usage: 'filesystem',
  magics: [hexMagic(1024, 'f5fc01a5'), hexMagic(8192, 'a501fcf5')],
  read: async (w, { base, index }) => {
    const view = await w.view(base, 8);
    return view && { version: String(view.getUint32(4, index === 0)) };
  },
};

/** Novell Storage Services: the pool's header at 4 KiB, version of the medium in two numbers. */
const NSS: SignatureSpec = {
  type: 'nss',
  usage: 'filesystem',
  magics: [text(4096, 'SPB5')],
  read: async (w, { base }) => {
    const view = await w.view(base, 12);
    if (view === undefined) return undefined;
    return { version: `${view.getUint16(8, true)}.${String(view.getUint16(10, true)).padStart(2, '0')}` };
  },
};

/** Oracle Cluster File System 1, `ocfs_vol_disk_hdr` and the label after it. */
const OCFS: SignatureSpec = {
  type: 'ocfs',
  usage: 'filesystem',
  magics: [text(8, 'OracleCFS', -8)],
  read: async (w) => {
    const view = await w.view(512, 130);
    return view && details({ label: label(view, 48, 64), uuid: uuidAt(view, 114) });
  },
};

const ORACLE_ASM: SignatureSpec = {
  type: 'oracleasm',
  usage: 'filesystem',
  magics: [text(32, 'ORCLDISK', -32)],
  read: async (w) => {
    const view = await w.view(0, 64);
    return view && details({ label: label(view, 40, 24) });
  },
};

/** File systems of other Unix-like systems, and OS/2. */
export const UNIX: readonly SignatureSpec[] = [UFS, BFS, BEFS, HPFS, SYSV, XENIX, VXFS, NSS, OCFS, ORACLE_ASM];
