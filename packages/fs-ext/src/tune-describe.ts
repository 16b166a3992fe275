import { uuidToString } from '@vmcraft/core/binary';
import {
  COMPAT,
  EXT_MAGIC,
  featureNames,
  INCOMPAT,
  REV_GOOD_OLD,
  RO_COMPAT,
  STATE_ERROR,
  STATE_VALID,
  type SuperblockFields,
  superblockLayout,
} from './layout.js';
import type { Superblock } from './superblock.js';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const ERROR_BEHAVIOURS = ['Unknown (continue)', 'Continue', 'Remount read-only', 'Panic'];
const CREATORS = ['Linux', 'GNU/Hurd', 'Masix', 'FreeBSD', 'Lites'];
const HASH_NAMES = ['legacy', 'half_md4', 'tea', 'legacy_unsigned', 'half_md4_unsigned', 'tea_unsigned', 'siphash'];
const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [0x1, 'signed_directory_hash'],
  [0x2, 'unsigned_directory_hash'],
  [0x4, 'test_filesystem'],
];
/** `s_default_mount_opts`; the journal mode is a field of two bits. */
const JOURNAL_MODES = ['', 'journal_data', 'journal_data_ordered', 'journal_data_writeback'];
const MOUNT_FLAGS: readonly (readonly [number, string])[] = [
  [0x1, 'debug'],
  [0x2, 'bsdgroups'],
  [0x4, 'user_xattr'],
  [0x8, 'acl'],
  [0x10, 'uid16'],
  [0x100, 'nobarrier'],
  [0x200, 'block_validity'],
  [0x400, 'discard'],
  [0x800, 'nodelalloc'],
];
const UNITS: readonly (readonly [string, number])[] = [
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];

/** Lines as tune2fs prints them, in its order. */
type Lines = [name: string, value: string | number][];

/** asctime(3) of seconds since the epoch, in UTC. */
function timeText(seconds: number): string {
  const t = new Date(seconds * 1000);
  const two = (n: number): string => String(n).padStart(2, '0');
  const clock = `${two(t.getUTCHours())}:${two(t.getUTCMinutes())}:${two(t.getUTCSeconds())}`;
  const day = String(t.getUTCDate()).padStart(2, ' ');
  return `${DAYS[t.getUTCDay()]} ${MONTHS[t.getUTCMonth()]} ${day} ${clock} ${t.getUTCFullYear()}`;
}

function text(raw: Uint8Array): string {
  const end = raw.indexOf(0);
  return new TextDecoder().decode(end < 0 ? raw : raw.subarray(0, end));
}

function intervalText(seconds: number): string {
  if (seconds === 0) return '<none>';
  const parts: string[] = [];
  let rest = seconds;
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest %= size;
    if (count > 0) parts.push(`${count} ${name}${count === 1 ? '' : 's'}`);
  }
  return parts.join(', ');
}

/** Kilobytes in the unit tune2fs chooses. */
function volumeText(kilobytes: number): string {
  const steps: readonly (readonly [number, number, string])[] = [
    [2 ** 13, 1, 'kB'],
    [2 ** 23, 2 ** 10, 'MB'],
    [2 ** 33, 2 ** 20, 'GB'],
    [2 ** 43, 2 ** 30, 'TB'],
  ];
  for (const [below, unit, name] of steps) {
    if (kilobytes < below) return `${Math.floor((kilobytes + Math.floor(unit / 2)) / unit)} ${name}`;
  }
  return `${Math.floor((kilobytes + 2 ** 39) / 2 ** 40)} PB`;
}

const names = (list: readonly (readonly [number, string])[], word: number): string[] =>
  list.filter(([bit]) => (word & bit) !== 0).map(([, name]) => name);
const orNone = (list: readonly string[]): string => (list.length === 0 ? '(none)' : list.join(' '));
const hex32 = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;
const owner = (id: number): string => `${id} (${id === 0 ? 'user root' : 'user unknown'})`;

/**
 * What `tune2fs -l` says of a file system: names and values in its order and words. Times are UTC.
 * @param superblock read afresh from its bytes, so changes not yet on the device show
 */
export function describeSuperblock(superblock: Superblock): Map<string, string> {
  const f = superblockLayout.decode(superblock.raw);
  const lines: Lines = [
    ...identityLines(f),
    ...countLines(f, superblock),
    ...historyLines(f),
    ...ownerLines(f),
    ...extraLines(f),
  ];
  return new Map(lines.map(([name, value]) => [name, String(value)]));
}

function identityLines(f: SuperblockFields): Lines {
  const features = [
    ...featureNames('compat', f.featureCompat),
    ...featureNames('incompat', f.featureIncompat),
    ...featureNames('roCompat', f.featureRoCompat),
  ];
  const mode = JOURNAL_MODES[(f.defaultMountOptions >>> 5) & 3]!;
  const options = [...(mode === '' ? [] : [mode]), ...names(MOUNT_FLAGS, f.defaultMountOptions)];
  const lines: Lines = [
    ['Filesystem volume name', text(f.volumeName) || '<none>'],
    ['Last mounted on', text(f.lastMounted) || '<not available>'],
    ['Filesystem UUID', f.uuid.every((b) => b === 0) ? '<none>' : uuidToString(f.uuid)],
    ['Filesystem magic number', `0x${EXT_MAGIC.toString(16).toUpperCase()}`],
    [
      'Filesystem revision #',
      `${f.revision}${f.revision === REV_GOOD_OLD ? ' (original)' : f.revision === 1 ? ' (dynamic)' : ' (unknown)'}`,
    ],
    ['Filesystem features', orNone(features)],
    ['Filesystem flags', orNone(names(FLAG_NAMES, f.flags))],
    ['Default mount options', orNone(options)],
  ];
  if (text(f.mountOptions) !== '') lines.push(['Mount options', text(f.mountOptions)]);
  const state = `${(f.state & STATE_VALID) !== 0 ? 'clean' : 'not clean'}${(f.state & STATE_ERROR) !== 0 ? ' with errors' : ''}`;
  lines.push(['Filesystem state', state]);
  lines.push(['Errors behavior', ERROR_BEHAVIOURS[f.errors] ?? ERROR_BEHAVIOURS[0]!]);
  lines.push(['Filesystem OS type', CREATORS[f.creatorOs] ?? '(unknown os)']);
  return lines;
}

function countLines(f: SuperblockFields, superblock: Superblock): Lines {
  const g = superblock.geometry;
  const wide = (f.featureIncompat & INCOMPAT.BIT64) !== 0;
  const bigalloc = (f.featureRoCompat & RO_COMPAT.BIGALLOC) !== 0;
  const lines: Lines = [
    ['Inode count', f.inodesCount],
    ['Block count', g.blocksCount],
    ['Reserved block count', superblock.reservedBlocks],
  ];
  if (f.overheadClusters !== 0) lines.push(['Overhead clusters', f.overheadClusters]);
  lines.push(['Free blocks', superblock.freeBlocks], ['Free inodes', f.freeInodes], ['First block', f.firstDataBlock]);
  lines.push(['Block size', g.blockSize]);
  lines.push(bigalloc ? ['Cluster size', g.clusterSize] : ['Fragment size', 1024 * 2 ** f.logClusterSize]);
  if (wide) lines.push(['Group descriptor size', f.descriptorSize]);
  if (f.reservedGdtBlocks !== 0) lines.push(['Reserved GDT blocks', f.reservedGdtBlocks]);
  lines.push(['Blocks per group', f.blocksPerGroup]);
  lines.push([bigalloc ? 'Clusters per group' : 'Fragments per group', f.clustersPerGroup]);
  lines.push(['Inodes per group', f.inodesPerGroup], ['Inode blocks per group', g.inodeTableBlocks]);
  if (f.firstMetaGroup !== 0) lines.push(['First meta block group', f.firstMetaGroup]);
  if (f.raidStride !== 0) lines.push(['RAID stride', f.raidStride]);
  if (f.raidStripeWidth !== 0) lines.push(['RAID stripe width', f.raidStripeWidth]);
  if (f.logGroupsPerFlex !== 0) lines.push(['Flex block group size', 2 ** f.logGroupsPerFlex]);
  return lines;
}

function historyLines(f: SuperblockFields): Lines {
  const wide = (lo: number, hi: number): number => lo + hi * 0x100000000;
  const made = wide(f.makeTime, f.makeTimeHi);
  const mounted = wide(f.mountTime, f.mountTimeHi);
  const checked = wide(f.lastCheck, f.lastCheckHi);
  const lines: Lines = [];
  if (made !== 0) lines.push(['Filesystem created', timeText(made)]);
  lines.push(['Last mount time', mounted === 0 ? 'n/a' : timeText(mounted)]);
  lines.push(['Last write time', timeText(wide(f.writeTime, f.writeTimeHi))]);
  lines.push(['Mount count', f.mountCount], ['Maximum mount count', (f.maxMountCount << 16) >> 16]);
  lines.push(['Last checked', timeText(checked)]);
  lines.push(['Check interval', `${f.checkInterval} (${intervalText(f.checkInterval)})`]);
  if (f.checkInterval !== 0) lines.push(['Next check after', timeText(checked + f.checkInterval)]);
  if (f.kbytesWritten !== 0n) lines.push(['Lifetime writes', volumeText(Number(f.kbytesWritten))]);
  return lines;
}

function ownerLines(f: SuperblockFields): Lines {
  const lines: Lines = [
    ['Reserved blocks uid', owner(f.defaultReservedUid)],
    ['Reserved blocks gid', owner(f.defaultReservedGid).replace('user', 'group')],
  ];
  if (f.revision !== REV_GOOD_OLD) lines.push(['First inode', f.firstInode], ['Inode size', f.inodeSize]);
  if (f.minExtraInodeSize !== 0) lines.push(['Required extra isize', f.minExtraInodeSize]);
  if (f.wantExtraInodeSize !== 0) lines.push(['Desired extra isize', f.wantExtraInodeSize]);
  if (f.journalUuid.some((b) => b !== 0)) lines.push(['Journal UUID', uuidToString(f.journalUuid)]);
  if (f.journalInode !== 0) lines.push(['Journal inode', f.journalInode]);
  if (f.journalDevice !== 0) lines.push(['Journal device', `0x${f.journalDevice.toString(16).padStart(4, '0')}`]);
  if (f.lastOrphan !== 0) lines.push(['First orphan inode', f.lastOrphan]);
  if ((f.featureCompat & COMPAT.DIR_INDEX) !== 0 || f.defaultHashVersion !== 0) {
    lines.push(['Default directory hash', HASH_NAMES[f.defaultHashVersion] ?? String(f.defaultHashVersion)]);
  }
  const seed = superblockLayout
    .encode({ hashSeed: f.hashSeed })
    .subarray(superblockLayout.offsetOf('hashSeed'))
    .subarray(0, 16);
  if (seed.some((b) => b !== 0)) lines.push(['Directory Hash Seed', uuidToString(seed)]);
  if (f.journalBackupType !== 0)
    lines.push(['Journal backup', f.journalBackupType === 1 ? 'inode blocks' : `type ${f.journalBackupType}`]);
  return lines;
}

function extraLines(f: SuperblockFields): Lines {
  const lines: Lines = [];
  if ((f.featureCompat & COMPAT.SPARSE_SUPER2) !== 0) {
    const groups = f.backupGroups.filter((group) => group !== 0);
    lines.push(['Backup block groups', groups.length === 0 ? '(none)' : groups.join(' ')]);
  }
  lines.push(...errorLines(f));
  if ((f.featureIncompat & INCOMPAT.MMP) !== 0) {
    lines.push(['MMP block number', Number(f.mmpBlock)], ['MMP update interval', f.mmpInterval]);
  }
  if (f.userQuotaInode !== 0) lines.push(['User quota inode', f.userQuotaInode]);
  if (f.groupQuotaInode !== 0) lines.push(['Group quota inode', f.groupQuotaInode]);
  if (f.projectQuotaInode !== 0) lines.push(['Project quota inode', f.projectQuotaInode]);
  if ((f.featureRoCompat & RO_COMPAT.METADATA_CSUM) !== 0) {
    lines.push(['Checksum type', f.checksumType === 1 ? 'crc32c' : 'none'], ['Checksum', hex32(f.checksum)]);
  }
  if ((f.featureIncompat & INCOMPAT.CSUM_SEED) !== 0) lines.push(['Checksum seed', hex32(f.checksumSeed)]);
  if ((f.featureIncompat & INCOMPAT.CASEFOLD) !== 0)
    lines.push(['Character encoding', f.encoding === 1 ? 'utf8-12.1' : String(f.encoding)]);
  if ((f.featureCompat & COMPAT.ORPHAN_FILE) !== 0) lines.push(['Orphan file inode', f.orphanFileInode]);
  return lines;
}

function errorLines(f: SuperblockFields): Lines {
  const lines: Lines = [];
  if (f.errorCount !== 0) lines.push(['FS Error count', f.errorCount]);
  for (const which of ['first', 'last'] as const) {
    const title = which === 'first' ? 'First' : 'Last';
    const at = f[`${which}ErrorTime`] + f[`${which}ErrorTimeHi`] * 0x100000000;
    if (at === 0) continue;
    lines.push([`${title} error time`, timeText(at)]);
    lines.push(
      [`${title} error function`, text(f[`${which}ErrorFunction`])],
      [`${title} error line #`, f[`${which}ErrorLine`]],
    );
    if (f[`${which}ErrorInode`] !== 0) lines.push([`${title} error inode #`, f[`${which}ErrorInode`]]);
    if (f[`${which}ErrorBlock`] !== 0n) lines.push([`${title} error block #`, Number(f[`${which}ErrorBlock`])]);
  }
  return lines;
}
