import { struct, u8, u16be, u32be, u64be } from '../binary/index.js';
import type { BlockDevice } from '../contracts/index.js';
import { FsError } from '../errors/index.js';
import type { StructValue } from './structs.js';

/** XFS Algorithms & Data Structures, "Superblocks": what xfs_info(8) tells. */
const Superblock = struct('xfs_dsb', 272, {
  magic: [0, u32be],
  blockSize: [4, u32be],
  dataBlocks: [8, u64be],
  realtimeBlocks: [16, u64be],
  realtimeExtents: [24, u64be],
  logStart: [48, u64be],
  realtimeExtentSize: [80, u32be],
  agBlocks: [84, u32be],
  agCount: [88, u32be],
  logBlocks: [96, u32be],
  version: [100, u16be],
  sectorSize: [102, u16be],
  inodeSize: [104, u16be],
  maxInodePercent: [127, u8],
  unit: [184, u32be],
  width: [188, u32be],
  directoryBlockLog: [192, u8],
  logSectorSize: [194, u16be],
  logUnit: [196, u32be],
  features2: [200, u32be],
  compatibleReadOnly: [212, u32be],
  incompatible: [216, u32be],
});
const MAGIC = 0x58465342;
const BASIC_BLOCK = 512;
/** Bits of `sb_versionnum`, `sb_features2`, `sb_features_ro_compat` and `sb_features_incompat`. */
const Version = { number: 0xf, attributes: 0x10, directory2: 0x2000, caseInsensitive: 0x4000, log2: 0x400 } as const;
const Feature2 = { lazyCount: 0x2, attributes2: 0x8, projectId32: 0x80, fileType: 0x200 } as const;
const ReadOnly = { finobt: 1, rmapbt: 2, reflink: 4, inobtcount: 8 } as const;
const Incompatible = { fileType: 1, sparse: 2, bigtime: 8, nrext64: 0x20 } as const;

/**
 * Facts of an XFS in the groups and under the names that xfs_info(8) prints: `data.bsize`, `meta-data.isize` …
 * @param name what `meta-data` is to say: the device or the place where it is mounted
 * @throws FsError EINVAL when it is no XFS
 */
export async function readXfsInfo(device: BlockDevice, name: string): Promise<Record<string, string>> {
  const sb = device.size < Superblock.size ? undefined : Superblock.decode(await device.read(0, Superblock.size));
  if (sb?.magic !== MAGIC) throw new FsError('EINVAL', { operation: 'xfs_info', path: name, reason: 'it is no XFS' });
  const isVersion5 = (sb.version & Version.number) === 5;
  const has = (field: number, bit: number): number => Number((field & bit) !== 0);
  const readOnly = (bit: number): number => Number(isVersion5 && (sb.compatibleReadOnly & bit) !== 0);
  const incompatible = (bit: number): number => Number(isVersion5 && (sb.incompatible & bit) !== 0);
  const always = (bit: number): number => (isVersion5 ? 1 : has(sb.features2, bit));
  const attributes = always(Feature2.attributes2) === 1 ? 2 : has(sb.version, Version.attributes);
  const facts: Record<string, string | number | bigint> = {
    'meta-data': name,
    'meta-data.isize': sb.inodeSize,
    'meta-data.agcount': sb.agCount,
    'meta-data.agsize': sb.agBlocks,
    'meta-data.sectsz': sb.sectorSize,
    'meta-data.attr': attributes,
    'meta-data.projid32bit': always(Feature2.projectId32),
    'meta-data.crc': Number(isVersion5),
    'meta-data.finobt': readOnly(ReadOnly.finobt),
    'meta-data.sparse': incompatible(Incompatible.sparse),
    'meta-data.rmapbt': readOnly(ReadOnly.rmapbt),
    'meta-data.reflink': readOnly(ReadOnly.reflink),
    'meta-data.bigtime': incompatible(Incompatible.bigtime),
    'meta-data.inobtcount': readOnly(ReadOnly.inobtcount),
    'meta-data.nrext64': incompatible(Incompatible.nrext64),
    'data.bsize': sb.blockSize,
    'data.blocks': sb.dataBlocks,
    'data.imaxpct': sb.maxInodePercent,
    'data.sunit': sb.unit,
    'data.swidth': sb.width,
    naming: `version ${has(sb.version, Version.directory2) + 1}`,
    'naming.bsize': sb.blockSize * 2 ** sb.directoryBlockLog,
    'naming.ascii-ci': has(sb.version, Version.caseInsensitive),
    'naming.ftype': isVersion5 ? incompatible(Incompatible.fileType) : has(sb.features2, Feature2.fileType),
    log: sb.logStart === 0n ? 'external' : 'internal log',
    'log.bsize': sb.blockSize,
    'log.blocks': sb.logBlocks,
    'log.version': has(sb.version, Version.log2) + 1,
    'log.sectsz': sb.logSectorSize === 0 ? BASIC_BLOCK : sb.logSectorSize,
    'log.sunit': Math.floor(sb.logUnit / Math.max(1, sb.blockSize)),
    'log.lazy-count': always(Feature2.lazyCount),
    realtime: sb.realtimeBlocks === 0n ? 'none' : 'external',
    'realtime.extsz': sb.realtimeExtentSize * sb.blockSize,
    'realtime.blocks': sb.realtimeBlocks,
    'realtime.rtextents': sb.realtimeExtents,
  };
  return Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, String(value)]));
}

/** Where each member of the `xfsinfo` structure comes from. */
const MEMBERS: Readonly<Record<string, string>> = {
  xfs_inodesize: 'meta-data.isize',
  xfs_agcount: 'meta-data.agcount',
  xfs_agsize: 'meta-data.agsize',
  xfs_sectsize: 'meta-data.sectsz',
  xfs_attr: 'meta-data.attr',
  xfs_blocksize: 'data.bsize',
  xfs_datablocks: 'data.blocks',
  xfs_imaxpct: 'data.imaxpct',
  xfs_sunit: 'data.sunit',
  xfs_swidth: 'data.swidth',
  xfs_dirblocksize: 'naming.bsize',
  xfs_cimode: 'naming.ascii-ci',
  xfs_logblocksize: 'log.bsize',
  xfs_logblocks: 'log.blocks',
  xfs_logversion: 'log.version',
  xfs_logsectsize: 'log.sectsz',
  xfs_logsunit: 'log.sunit',
  xfs_lazycount: 'log.lazy-count',
  xfs_rtextsize: 'realtime.extsz',
  xfs_rtblocks: 'realtime.blocks',
  xfs_rtextents: 'realtime.rtextents',
};

/** The same as the structure of guestfs. */
export function xfsInfoStruct(facts: Readonly<Record<string, string>>): StructValue<'xfsinfo'> {
  const numbers = Object.fromEntries(Object.entries(MEMBERS).map(([member, key]) => [member, Number(facts[key])]));
  const [, version] = facts.naming!.split(' ');
  return {
    ...numbers,
    xfs_mntpoint: facts['meta-data']!,
    xfs_dirversion: Number(version),
    xfs_logname: facts.log!.split(' ')[0]!,
    xfs_rtname: facts.realtime!,
  } as StructValue<'xfsinfo'>;
}
