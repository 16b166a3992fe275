/** Feature bits of the superblock, "The Super Block" of the specification, with the names mke2fs gives them. */

/** `s_feature_compat`: safe to read and write without knowing them. */
export const COMPAT = {
  DIR_PREALLOC: 0x1,
  IMAGIC_INODES: 0x2,
  HAS_JOURNAL: 0x4,
  EXT_ATTR: 0x8,
  RESIZE_INODE: 0x10,
  DIR_INDEX: 0x20,
  LAZY_BG: 0x40,
  EXCLUDE_INODE: 0x80,
  EXCLUDE_BITMAP: 0x100,
  SPARSE_SUPER2: 0x200,
  FAST_COMMIT: 0x400,
  STABLE_INODES: 0x800,
  ORPHAN_FILE: 0x1000,
} as const;

/** `s_feature_incompat`: must be known to read. */
export const INCOMPAT = {
  COMPRESSION: 0x1,
  FILETYPE: 0x2,
  RECOVER: 0x4,
  JOURNAL_DEV: 0x8,
  META_BG: 0x10,
  EXTENTS: 0x40,
  BIT64: 0x80,
  MMP: 0x100,
  FLEX_BG: 0x200,
  EA_INODE: 0x400,
  DIRDATA: 0x1000,
  CSUM_SEED: 0x2000,
  LARGEDIR: 0x4000,
  INLINE_DATA: 0x8000,
  ENCRYPT: 0x10000,
  CASEFOLD: 0x20000,
} as const;

/** `s_feature_ro_compat`: must be known to write. */
export const RO_COMPAT = {
  SPARSE_SUPER: 0x1,
  LARGE_FILE: 0x2,
  BTREE_DIR: 0x4,
  HUGE_FILE: 0x8,
  GDT_CSUM: 0x10,
  DIR_NLINK: 0x20,
  EXTRA_ISIZE: 0x40,
  HAS_SNAPSHOT: 0x80,
  QUOTA: 0x100,
  BIGALLOC: 0x200,
  METADATA_CSUM: 0x400,
  REPLICA: 0x800,
  READONLY: 0x1000,
  PROJECT: 0x2000,
  SHARED_BLOCKS: 0x4000,
  VERITY: 0x8000,
  ORPHAN_PRESENT: 0x10000,
} as const;

/** Names of feature bits as mke2fs, tune2fs and dumpe2fs print them. */
export const FEATURE_NAMES: Readonly<Record<'compat' | 'incompat' | 'roCompat', Readonly<Record<number, string>>>> = {
  compat: {
    1: 'dir_prealloc',
    2: 'imagic_inodes',
    4: 'has_journal',
    8: 'ext_attr',
    16: 'resize_inode',
    32: 'dir_index',
    64: 'lazy_bg',
    128: 'exclude_inode',
    256: 'snapshot_bitmap',
    512: 'sparse_super2',
    1024: 'fast_commit',
    2048: 'stable_inodes',
    4096: 'orphan_file',
  },
  incompat: {
    1: 'compression',
    2: 'filetype',
    4: 'needs_recovery',
    8: 'journal_dev',
    16: 'meta_bg',
    64: 'extent',
    128: '64bit',
    256: 'mmp',
    512: 'flex_bg',
    1024: 'ea_inode',
    4096: 'dirdata',
    8192: 'metadata_csum_seed',
    16384: 'large_dir',
    32768: 'inline_data',
    65536: 'encrypt',
    131072: 'casefold',
  },
  roCompat: {
    1: 'sparse_super',
    2: 'large_file',
    4: 'btree_dir',
    8: 'huge_file',
    16: 'uninit_bg',
    32: 'dir_nlink',
    64: 'extra_isize',
    128: 'snapshot',
    256: 'quota',
    512: 'bigalloc',
    1024: 'metadata_csum',
    2048: 'replica',
    4096: 'read-only',
    8192: 'project',
    16384: 'shared_blocks',
    32768: 'verity',
    65536: 'orphan_present',
  },
};

const bits = (of: Readonly<Record<string, number>>, ...without: number[]): number =>
  Object.values(of).reduce((all, bit) => (without.includes(bit) ? all : all | bit), 0);

/** Incompatible features this driver reads. */
export const INCOMPAT_SUPPORTED = bits(INCOMPAT, INCOMPAT.COMPRESSION, INCOMPAT.JOURNAL_DEV, INCOMPAT.DIRDATA);

/** Read-only-compatible features this driver keeps up when it writes. */
export const RO_COMPAT_WRITABLE = bits(
  RO_COMPAT,
  RO_COMPAT.BTREE_DIR,
  RO_COMPAT.HAS_SNAPSHOT,
  RO_COMPAT.REPLICA,
  RO_COMPAT.READONLY,
  RO_COMPAT.SHARED_BLOCKS,
);

/** Names of the bits set in one feature word; unknown bits as `FEATURE_I31` and the like, as e2fsprogs does. */
export function featureNames(kind: 'compat' | 'incompat' | 'roCompat', word: number): string[] {
  const letter = { compat: 'C', incompat: 'I', roCompat: 'R' }[kind];
  const names: string[] = [];
  for (let bit = 0; bit < 32; bit++) {
    const mask = (1 << bit) >>> 0;
    if ((word & mask) !== 0) names.push(FEATURE_NAMES[kind][mask] ?? `FEATURE_${letter}${bit}`);
  }
  return names;
}
