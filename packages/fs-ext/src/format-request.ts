import { isPowerOfTwo, parseUuid } from '@vmcraft/core/binary';
import type { FormatOptions } from '@vmcraft/core/contracts';
import { UnsupportedFeatureError, UsageError } from '@vmcraft/core/errors';
import { chooseFeatures, type FeatureWords } from './format-features.js';
import { COMPAT, INCOMPAT, INODE_SIZE_GOOD_OLD, RO_COMPAT } from './layout.js';

/** Everything that decides what a new file system looks like, defaults filled in. */
export interface FormatRequest {
  readonly features: FeatureWords;
  /** Bytes. */
  readonly blockSize: number;
  /** Bytes; the block size without bigalloc. */
  readonly clusterSize: number;
  /** Bytes. */
  readonly inodeSize: number;
  /** Blocks, before a last group that is too short is given up. */
  readonly blocksCount: number;
  readonly blocksPerGroup: number | undefined;
  readonly inodesWanted: number;
  readonly reservedPercent: number;
  /** Blocks; undefined means by size. */
  readonly journalBlocks: number | undefined;
  readonly logGroupsPerFlex: number;
  /** Blocks up to which the resize inode lets it grow; undefined means 1024 times its size. */
  readonly resizeLimit: number | undefined;
  readonly raidStride: number;
  readonly raidStripeWidth: number;
  readonly label: string;
  readonly lastMounted: string;
  readonly creatorOs: number;
  readonly testFilesystem: boolean;
  readonly mmpInterval: number;
  readonly uuid: Uint8Array;
  readonly hashSeed: Uint8Array;
  readonly lazyTables: boolean;
  readonly lazyJournal: boolean;
  readonly discard: boolean;
  readonly superblocksOnly: boolean;
  /** Seconds since the epoch. */
  readonly now: number;
}

/** Booleans of guestfs `mke2fs` that switch a feature. */
const FEATURE_SWITCHES: Readonly<Record<string, string>> = {
  extent: 'extent',
  filetype: 'filetype',
  flexbg: 'flex_bg',
  hasjournal: 'has_journal',
  largefile: 'large_file',
  quota: 'quota',
  resizeinode: 'resize_inode',
  sparsesuper: 'sparse_super',
  uninitbg: 'uninit_bg',
};

/** Bytes per inode of the usage types that mke2fs.conf names. */
const USAGE_TYPES: Readonly<Record<string, { ratio?: number; blockSize?: number }>> = {
  default: {},
  floppy: { ratio: 8192, blockSize: 1024 },
  small: { ratio: 4096, blockSize: 1024 },
  big: { ratio: 32768 },
  huge: { ratio: 65536 },
  news: { ratio: 4096 },
  largefile: { ratio: 1 << 20 },
  largefile4: { ratio: 1 << 22 },
};

const CREATORS: Readonly<Record<string, number>> = { linux: 0, hurd: 1, masix: 2, freebsd: 3, lites: 4 };

const DEFAULT_RATIO = 16384;
const DEFAULT_BLOCK = 4096;
const DEFAULT_INODE = 256;
const DEFAULT_CLUSTER_RATIO = 16;
const LOG_FLEX_DEFAULT = 4;
const MIB = 1024 * 1024;
const MMP_DEFAULT_INTERVAL = 5;
const MMP_MAX_INTERVAL = 300;
/** `s_log_block_size` goes to 6. */
const MAX_BLOCK = 65536;

/** Typed access to `FormatOptions.extra`. */
class Extra {
  constructor(private readonly values: Readonly<Record<string, string | number | boolean>>) {}

  number(name: string, min: number, max: number): number | undefined {
    const value = this.values[name];
    if (value === undefined) return undefined;
    const n = Number(value);
    if (!Number.isFinite(n) || n < min || n > max) {
      throw new UsageError(`${name} must be ${min} to ${max}, not ${value}`, { argument: name });
    }
    return n;
  }
  text(name: string): string | undefined {
    const value = this.values[name];
    return value === undefined ? undefined : String(value);
  }
  flag(name: string): boolean | undefined {
    const value = this.values[name];
    return value === undefined ? undefined : value === true || value === 'true' || value === 1;
  }
}

/** Usage type by size, as mke2fs picks it when none is named; `size` in bytes. */
function usageBySize(size: number): string {
  if (size < 3 * MIB) return 'floppy';
  if (size < 512 * MIB) return 'small';
  if (size < 4 * MIB * MIB) return 'default';
  return size < 16 * MIB * MIB ? 'big' : 'huge';
}

function random(length: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(length));
}

/** A version 4 UUID. */
export function randomUuid(): Uint8Array {
  const id = random(16);
  id[6] = (id[6]! & 0x0f) | 0x40;
  id[8] = (id[8]! & 0x3f) | 0x80;
  return id;
}

/** A UUID from text, `clear`, `random` or `time`, as mke2fs `-U` and tune2fs `-U` take it. */
export function uuidFromText(text: string): Uint8Array {
  if (text === 'clear' || text === 'null') return new Uint8Array(16);
  if (text === 'random' || text === 'time') return randomUuid();
  const parsed = parseUuid(text);
  if (parsed === undefined) throw new UsageError(`'${text}' is not a UUID`, { argument: 'uuid' });
  return parsed;
}

/**
 * Fill in the defaults of mke2fs 1.47 for a device of `size` bytes. Blocks are no smaller than sectors unless told: no kernel would mount
 * them.
 * @throws UsageError for values out of range, UnsupportedFeatureError for an external journal
 */
export function requestOf(size: number, type: string, options: FormatOptions, sectorSize = 512): FormatRequest {
  const extra = new Extra(options.extra ?? {});
  if (extra.flag('journaldev') === true || extra.text('journaldevice') !== undefined) {
    throw new UnsupportedFeatureError({ feature: 'external journal devices', structure: 'ext4' });
  }
  const features = chooseFeatures(extra.text('fstype') ?? type, [...(options.features ?? []), ...switchesOf(extra)]);
  const usageName = extra.text('usagetype') ?? usageBySize(size);
  const usage = USAGE_TYPES[usageName];
  if (usage === undefined) throw new UsageError(`unknown usage type '${usageName}'`, { argument: 'usagetype' });
  const usual = Math.max(usage.blockSize ?? DEFAULT_BLOCK, sectorSize);
  const blockSize = options.blockSize ?? extra.number('blocksize', 1024, MAX_BLOCK) ?? usual;
  if (!isPowerOfTwo(blockSize) || blockSize < 1024 || blockSize > MAX_BLOCK) {
    throw new UsageError(`block size ${blockSize} is not a power of two from 1024 to ${MAX_BLOCK}`, {
      argument: 'blockSize',
    });
  }
  const blocksCount = extra.number('blockscount', 1, Math.floor(size / blockSize)) ?? Math.floor(size / blockSize);
  adaptFeatures(features, blocksCount);
  const resizeLimit = extra.number('maxonlineresize', blocksCount, 0xffffffff);
  if (resizeLimit !== undefined) features.compat |= COMPAT.RESIZE_INODE;
  const clusterSize = clusterSizeOf(features, blockSize, extra);
  const bytesPerInode =
    extra.number('bytesperinode', 1024, 1 << 26) ?? Math.max(usage.ratio ?? DEFAULT_RATIO, clusterSize);
  const inodesWanted =
    extra.number('numberofinodes', 1, 0xffffffff) ??
    Math.min(0xffffffff, Math.floor((blocksCount * blockSize) / bytesPerInode));
  return {
    features,
    blockSize,
    clusterSize,
    inodeSize: inodeSizeOf(options.inodeSize ?? extra.number('inodesize', INODE_SIZE_GOOD_OLD, MAX_BLOCK), blockSize),
    blocksCount,
    blocksPerGroup: extra.number('blockspergroup', 256, blockSize * 8 * 1024),
    inodesWanted,
    reservedPercent: extra.number('reservedblockspercentage', 0, 50) ?? 5,
    journalBlocks: journalBlocksOf(extra.number('journalsize', 1, 40 * MIB), blockSize),
    logGroupsPerFlex: flexOf(features, extra.number('numberofgroups', 1, 2 ** 30)),
    resizeLimit,
    raidStride: extra.number('stridesize', 0, 0xffff) ?? 0,
    raidStripeWidth: extra.number('stripewidth', 0, 0xffffffff) ?? 0,
    mmpInterval:
      (features.incompat & INCOMPAT.MMP) !== 0
        ? extra.number('mmpupdateinterval', 0, MMP_MAX_INTERVAL) || MMP_DEFAULT_INTERVAL
        : 0,
    ...identityOf(options, extra),
    lazyTables: extra.flag('lazyitableinit') ?? true,
    lazyJournal: extra.flag('lazyjournalinit') ?? false,
    discard: extra.flag('discard') ?? true,
    superblocksOnly: extra.flag('writesbandgrouponly') ?? false,
    now: options.now?.sec ?? Math.floor(Date.now() / 1000),
  };
}

function switchesOf(extra: Extra): string[] {
  return Object.entries(FEATURE_SWITCHES).flatMap(([option, feature]) => {
    const on = extra.flag(option);
    return on === undefined ? [] : [on ? feature : `^${feature}`];
  });
}

/** The resize inode holds 32-bit block numbers; block numbers above that need 64bit. */
function adaptFeatures(features: FeatureWords, blocksCount: number): void {
  if (blocksCount <= 0xffffffff) return;
  if ((features.incompat & INCOMPAT.BIT64) === 0) {
    throw new UsageError(`${blocksCount} blocks need the feature 64bit or larger blocks`, { argument: 'blockSize' });
  }
  features.compat &= ~COMPAT.RESIZE_INODE;
}

function clusterSizeOf(features: FeatureWords, blockSize: number, extra: Extra): number {
  const wanted = extra.number('fragsize', 1024, 1 << 29);
  if ((features.roCompat & RO_COMPAT.BIGALLOC) === 0) return blockSize;
  const size = wanted ?? extra.number('clustersize', 1024, 1 << 29) ?? blockSize * DEFAULT_CLUSTER_RATIO;
  if (!isPowerOfTwo(size) || size < blockSize)
    throw new UsageError(`cluster size ${size} is no multiple of the block size`);
  return size;
}

function inodeSizeOf(wanted: number | undefined, blockSize: number): number {
  const size = wanted ?? DEFAULT_INODE;
  if (!isPowerOfTwo(size) || size < INODE_SIZE_GOOD_OLD || size > blockSize) {
    throw new UsageError(`inode size ${size} is not a power of two from 128 to ${blockSize}`, {
      argument: 'inodeSize',
    });
  }
  return size;
}

/** The journal's size is given in MiB. */
function journalBlocksOf(megabytes: number | undefined, blockSize: number): number | undefined {
  if (megabytes === undefined) return undefined;
  const blocks = Math.floor((megabytes * MIB) / blockSize);
  if (blocks < 1024 || blocks > 10_240_000) {
    throw new UsageError(`a journal has 1024 to 10240000 blocks, not ${blocks}`, { argument: 'journalsize' });
  }
  return blocks;
}

function flexOf(features: FeatureWords, groups: number | undefined): number {
  if ((features.incompat & INCOMPAT.FLEX_BG) === 0) return 0;
  if (groups === undefined) return LOG_FLEX_DEFAULT;
  if (!isPowerOfTwo(groups))
    throw new UsageError(`${groups} groups per flex group is not a power of two`, { argument: 'numberofgroups' });
  return Math.log2(groups);
}

function identityOf(
  options: FormatOptions,
  extra: Extra,
): Pick<FormatRequest, 'label' | 'lastMounted' | 'creatorOs' | 'testFilesystem' | 'uuid' | 'hashSeed'> {
  const creator = extra.text('creatoros');
  const creatorOs =
    creator === undefined ? 0 : (CREATORS[creator.toLowerCase()] ?? extra.number('creatoros', 0, 4) ?? 0);
  return {
    label: options.label ?? extra.text('label') ?? '',
    lastMounted: extra.text('lastmounteddir') ?? '',
    creatorOs,
    testFilesystem: extra.flag('testfs') ?? false,
    uuid: uuidFromText(options.uuid ?? extra.text('uuid') ?? 'random'),
    hashSeed: uuidFromText(extra.text('hashseed') ?? 'random'),
  };
}
