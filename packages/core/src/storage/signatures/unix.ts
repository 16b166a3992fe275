import { details, label } from './fields.js';
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

/** File systems of other Unix-like systems, and OS/2. */
export const UNIX: readonly SignatureSpec[] = [UFS, BFS, BEFS, HPFS];
