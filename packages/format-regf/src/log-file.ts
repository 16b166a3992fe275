import { isSoundBlock } from './base-block.js';
import { BaseBlock, type BaseBlockFields, FileType } from './layout.js';
import { LOG_SECTOR } from './layout-log.js';
import type { HiveSource } from './source.js';

/** A page of bins that a log has: its offset from the first bin. */
export interface LoggedPage {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** One step of a recovery. */
export interface LoggedChange {
  /** What both sequence numbers become. */
  readonly sequence: number;
  readonly binsSize: number;
  /** The flags of the base block; undefined leaves them. */
  readonly flags: number | undefined;
  readonly pages: readonly LoggedPage[];
}

/** A transaction log with a sound base block. */
export interface LogFile {
  readonly source: HiveSource;
  /** Its base block, 512 bytes, as the hive's own would be. */
  readonly block: Uint8Array;
  readonly base: BaseBlockFields;
  readonly isNew: boolean;
  /** Bytes of the base block and of what follows up to the next sector. */
  readonly sectorSize: number;
}

const MAX_CLUSTERING = 8;

/** Open a log; undefined when it is empty or its base block is not sound, as then Windows does not use it. */
export async function openLog(source: HiveSource): Promise<LogFile | undefined> {
  if (source.size < LOG_SECTOR * 2) return undefined;
  const block = (await source.read(0, LOG_SECTOR)).slice();
  if (!isSoundBlock(block)) return undefined;
  const base = BaseBlock.decode(block);
  const isNew = base.fileType === FileType.newLog;
  const isOld = base.fileType === FileType.oldLog || base.fileType === FileType.otherLog;
  const { clusteringFactor } = base;
  if ((!isNew && !isOld) || clusteringFactor < 1 || clusteringFactor > MAX_CLUSTERING) return undefined;
  BaseBlock.encodeInto({ fileType: FileType.primary }, block);
  return { source, block, base, isNew, sectorSize: isNew ? LOG_SECTOR : clusteringFactor * LOG_SECTOR };
}
