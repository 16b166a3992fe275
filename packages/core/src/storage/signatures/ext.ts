import { crc32cRaw } from '../../binary/index.js';
import { details, label, slice, uuidAt } from './fields.js';
import { type Hit, hexMagic, type ProbeWindow, type SignatureDetails, type SignatureSpec } from './signature.js';

/** Feature bits that tell the members of the family apart: kernel Documentation/filesystems/ext4, "Super Block". */
const COMPAT_HAS_JOURNAL = 0x4;
const INCOMPAT_JOURNAL_DEV = 0x8;
const RO_COMPAT_METADATA_CSUM = 0x400;
/** sparse_super, large_file, btree_dir: all that ext2 and ext3 know. */
const RO_COMPAT_EXT3 = 0x7;
/** filetype, meta_bg; and with a journal, recover. */
const INCOMPAT_EXT2 = 0x12;
const INCOMPAT_EXT3 = 0x16;
/** `s_flags`: made for tests of the file system itself. */
const FLAG_TEST = 0x4;
/** Offset of `s_checksum`, which covers all before it. */
const CHECKSUM_AT = 0x3fc;

function familyMember(view: DataView): string {
  const compat = view.getUint32(92, true);
  const incompat = view.getUint32(96, true);
  const roCompat = view.getUint32(100, true);
  if ((incompat & INCOMPAT_JOURNAL_DEV) !== 0) return 'jbd';
  if ((view.getUint32(352, true) & FLAG_TEST) !== 0) return 'ext4dev';
  const hasJournal = (compat & COMPAT_HAS_JOURNAL) !== 0;
  const known = hasJournal ? INCOMPAT_EXT3 : INCOMPAT_EXT2;
  if ((incompat & ~known) !== 0 || (roCompat & ~RO_COMPAT_EXT3) !== 0) return 'ext4';
  return hasJournal ? 'ext3' : 'ext2';
}

/** `s_log_block_size` goes to 6. */
function blockSizeOf(view: DataView): number | undefined {
  const log = view.getUint32(24, true);
  return log > 6 ? undefined : 1024 << log;
}

async function readExt(window: ProbeWindow, hit: Hit): Promise<SignatureDetails | undefined> {
  const view = await window.view(hit.base, 1024);
  if (view === undefined) return undefined;
  if ((view.getUint32(100, true) & RO_COMPAT_METADATA_CSUM) !== 0) {
    const sum = crc32cRaw(0xffffffff, slice(view, 0, CHECKSUM_AT));
    if (sum !== view.getUint32(CHECKSUM_AT, true)) return undefined;
  }
  return details({
    type: familyMember(view),
    label: label(view, 120, 16),
    uuid: uuidAt(view, 104),
    blockSize: blockSizeOf(view),
    version: `${view.getUint32(76, true)}.${view.getUint16(62, true)}`,
  });
}

/** ext2, ext3, ext4 and external journals. */
export const EXT: SignatureSpec = {
  type: 'ext2',
  otherTypes: ['ext3', 'ext4', 'ext4dev', 'jbd'],
  usage: 'filesystem',
  magics: [hexMagic(1024 + 56, '53ef', -56)],
  read: readExt,
};
