import { viewOf } from '../binary/index.js';
import type { TableSource } from './table-source.js';
import type { PartitionTableType } from './types.js';

/** A table that is recognised by its magic number but whose partitions are not read. */
interface NamedTable {
  readonly type: PartitionTableType;
  readonly offset: number;
  /** Big-endian. */
  readonly magic: number;
}

const NAMED: readonly NamedTable[] = [
  // IBM characters "IBMA" in EBCDIC; AIX <sys/bootrecord.h>.
  { type: 'aix', offset: 0, magic: 0xc9c2d4c1 },
  // SGI volume header, IRIX <sys/dvh.h> VHMAGIC.
  { type: 'dvh', offset: 0, magic: 0x0be5a941 },
  // NEC PC-98: "IPL1" after the jump.
  { type: 'pc98', offset: 4, magic: 0x49504c31 },
];

/** "RDSK": an Amiga rigid disk block lies in one of the first 16 blocks (Amiga ROM Kernel Manual, Devices, chapter "HD"). */
const RDB = { magic: 0x5244534b, blocks: 16, blockSize: 512 } as const;

/** Name a table of a kind that is not read, such as Amiga's or SGI's. */
export async function nameOtherTable(source: TableSource): Promise<PartitionTableType | undefined> {
  const wanted = Math.min(source.device.size, RDB.blocks * RDB.blockSize);
  const head = await source.readAt(0, wanted - (wanted % RDB.blockSize));
  if (head === undefined || head.length === 0) return undefined;
  const view = viewOf(head);
  const named = NAMED.find((t) => view.getUint32(t.offset) === t.magic);
  if (named !== undefined) return named.type;
  for (let at = 0; at < head.length; at += RDB.blockSize) {
    if (view.getUint32(at) === RDB.magic) return 'amiga';
  }
  return undefined;
}
