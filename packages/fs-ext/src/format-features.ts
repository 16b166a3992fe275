import { UnsupportedFeatureError, UsageError } from '@vmcraft/core/errors';
import { COMPAT, FEATURE_NAMES, INCOMPAT, RO_COMPAT } from './layout.js';

/** The three feature words of a superblock. */
export interface FeatureWords {
  compat: number;
  incompat: number;
  roCompat: number;
}

type Word = keyof FeatureWords;

/** What every type gets, then what each adds: the defaults that mke2fs.conf of e2fsprogs 1.47 ships with. */
const BASE = ['sparse_super', 'large_file', 'filetype', 'resize_inode', 'dir_index', 'ext_attr'];
const BY_TYPE: Readonly<Record<string, readonly string[]>> = {
  ext2: [],
  ext3: ['has_journal'],
  ext4: ['has_journal', 'extent', 'huge_file', 'flex_bg', 'metadata_csum', '64bit', 'dir_nlink', 'extra_isize'],
};

/** Other spellings that mke2fs takes. */
const ALIASES: Readonly<Record<string, string>> = { extents: 'extent', gdt_csum: 'uninit_bg' };

/** Features mke2fs can be asked for; the rest describe a state or were never finished. */
const CHOOSABLE: Readonly<Record<Word, number>> = {
  compat:
    COMPAT.DIR_INDEX |
    COMPAT.HAS_JOURNAL |
    COMPAT.EXT_ATTR |
    COMPAT.RESIZE_INODE |
    COMPAT.SPARSE_SUPER2 |
    COMPAT.FAST_COMMIT |
    COMPAT.STABLE_INODES |
    COMPAT.ORPHAN_FILE,
  incompat:
    INCOMPAT.FILETYPE |
    INCOMPAT.META_BG |
    INCOMPAT.EXTENTS |
    INCOMPAT.BIT64 |
    INCOMPAT.MMP |
    INCOMPAT.FLEX_BG |
    INCOMPAT.EA_INODE |
    INCOMPAT.CSUM_SEED |
    INCOMPAT.LARGEDIR |
    INCOMPAT.INLINE_DATA |
    INCOMPAT.ENCRYPT |
    INCOMPAT.CASEFOLD,
  roCompat:
    RO_COMPAT.SPARSE_SUPER |
    RO_COMPAT.LARGE_FILE |
    RO_COMPAT.HUGE_FILE |
    RO_COMPAT.GDT_CSUM |
    RO_COMPAT.DIR_NLINK |
    RO_COMPAT.EXTRA_ISIZE |
    RO_COMPAT.QUOTA |
    RO_COMPAT.BIGALLOC |
    RO_COMPAT.METADATA_CSUM |
    RO_COMPAT.PROJECT |
    RO_COMPAT.VERITY,
};

function bitOf(name: string): readonly [Word, number] {
  const plain = ALIASES[name] ?? name;
  for (const word of ['compat', 'incompat', 'roCompat'] as const) {
    for (const [bit, known] of Object.entries(FEATURE_NAMES[word])) if (known === plain) return [word, Number(bit)];
  }
  throw new UsageError(`unknown file system feature '${name}'`, { argument: 'features' });
}

function change(words: FeatureWords, name: string, on: boolean): void {
  const [word, bit] = bitOf(name);
  if ((CHOOSABLE[word] & bit) === 0) {
    throw new UnsupportedFeatureError({ feature: `making a file system with ${name}`, structure: 'ext4' });
  }
  words[word] = on ? words[word] | bit : words[word] & ~bit;
}

/**
 * The features of a new file system.
 * @param type `ext2`, `ext3` or `ext4`
 * @param requests tokens of mke2fs `-O`: `name`, `^name`, `none`, several joined by commas
 * @throws UsageError for an unknown type or feature and for combinations mke2fs refuses
 */
export function chooseFeatures(type: string, requests: readonly string[]): FeatureWords {
  const own = BY_TYPE[type];
  if (own === undefined) throw new UsageError(`unknown file system type '${type}'`, { argument: 'type' });
  const words: FeatureWords = { compat: 0, incompat: 0, roCompat: 0 };
  for (const name of [...BASE, ...own]) change(words, name, true);
  for (const token of requests.flatMap((r) => r.split(/[\s,]+/)).filter((t) => t !== '')) {
    if (token === 'none') Object.assign(words, { compat: 0, incompat: 0, roCompat: 0 });
    else if (token.startsWith('^') || token.startsWith('-')) change(words, token.slice(1), false);
    else change(words, token.replace(/^\+/, ''), true);
  }
  if ((words.roCompat & RO_COMPAT.METADATA_CSUM) !== 0) words.roCompat &= ~RO_COMPAT.GDT_CSUM;
  checkCombination(words);
  return words;
}

function checkCombination({ compat, incompat, roCompat }: FeatureWords): void {
  const refuse = (why: string): never => {
    throw new UsageError(why, { argument: 'features' });
  };
  if ((compat & COMPAT.RESIZE_INODE) !== 0 && (incompat & INCOMPAT.META_BG) !== 0) {
    refuse('the features resize_inode and meta_bg exclude each other');
  }
  if ((roCompat & RO_COMPAT.BIGALLOC) !== 0 && (incompat & INCOMPAT.EXTENTS) === 0) {
    refuse('the feature bigalloc needs extent');
  }
  if ((incompat & INCOMPAT.CSUM_SEED) !== 0 && (roCompat & RO_COMPAT.METADATA_CSUM) === 0) {
    refuse('the feature metadata_csum_seed needs metadata_csum');
  }
  if ((compat & COMPAT.RESIZE_INODE) !== 0 && (roCompat & RO_COMPAT.SPARSE_SUPER) === 0) {
    if ((compat & COMPAT.SPARSE_SUPER2) === 0) refuse('the feature resize_inode needs sparse_super');
  }
  if ((compat & COMPAT.FAST_COMMIT) !== 0 && (compat & COMPAT.HAS_JOURNAL) === 0) {
    refuse('the feature fast_commit needs has_journal');
  }
  if (
    (roCompat & RO_COMPAT.PROJECT) !== 0 &&
    (roCompat & RO_COMPAT.QUOTA) === 0 &&
    (roCompat & RO_COMPAT.EXTRA_ISIZE) === 0
  ) {
    refuse('the feature project needs extra_isize');
  }
}
