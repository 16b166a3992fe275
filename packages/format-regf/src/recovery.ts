import { isSoundBlock, sealBaseBlock } from './base-block.js';
import { BASE_BLOCK_SIZE, BaseBlock, BinHeader } from './layout.js';
import { type LogFile, type LoggedChange, openLog } from './log-file.js';
import { readNewLog } from './log-new.js';
import { readOldLog } from './log-old.js';
import type { HiveSource } from './source.js';

/** What the logs of a hive make of it. */
export interface Recovery {
  /** The base block, 512 bytes, as it is after all changes. */
  readonly block: Uint8Array;
  readonly changes: readonly LoggedChange[];
}

/** Whether a hive was not written to its end. Section "Dirty state of a hive". */
export function isDirtyBlock(block: Uint8Array): boolean {
  const { primarySequence, secondarySequence } = BaseBlock.decode(block);
  return primarySequence !== secondarySequence || !isSoundBlock(block);
}

/** The last-written time that a log must have: the base block's, or when that is damaged its copy in the first bin. */
async function timeOf(hive: HiveSource, block: Uint8Array): Promise<bigint | undefined> {
  if (isSoundBlock(block)) return BaseBlock.decode(block).lastWritten;
  if (hive.size < BASE_BLOCK_SIZE + BinHeader.size) return undefined;
  const header = BinHeader.decode(await hive.read(BASE_BLOCK_SIZE, BinHeader.size));
  return header.signature === 'hbin' ? header.timestamp : undefined;
}

function apply(block: Uint8Array, changes: readonly LoggedChange[]): Recovery {
  const recovered = block.slice();
  const last = changes.at(-1)!;
  BaseBlock.encodeInto(
    {
      primarySequence: last.sequence,
      secondarySequence: last.sequence,
      binsSize: last.binsSize,
      ...(last.flags === undefined ? {} : { flags: last.flags }),
    },
    recovered,
  );
  sealBaseBlock(recovered);
  return { block: recovered, changes };
}

/** Section "Multiple transaction log files", old format: the log that was written for this state of the hive. */
async function recoverOld(
  hive: HiveSource,
  block: Uint8Array,
  logs: readonly LogFile[],
): Promise<Recovery | undefined> {
  const time = await timeOf(hive, block);
  for (const log of logs) {
    if (log.base.lastWritten !== time) continue;
    const change = await readOldLog(log);
    if (change !== undefined) return apply(isSoundBlock(block) ? block : log.block, [change]);
  }
  return undefined;
}

/**
 * Section "New format", notes 5 to 7: entries are applied from the number that the hive waits for on, one log after the other. When
 * the base block is damaged its copy in a log tells the number: that of the earlier log if the later one continues it.
 */
async function recoverNew(block: Uint8Array, logs: readonly LogFile[]): Promise<Recovery | undefined> {
  const chains: { log: LogFile; changes: LoggedChange[] }[] = [];
  for (const log of logs) {
    const changes = await readNewLog(log);
    if (changes.length > 0) chains.push({ log, changes });
  }
  chains.sort((a, b) => a.changes[0]!.sequence - b.changes[0]!.sequence);
  let start = block;
  let [first] = chains;
  if (first === undefined) return undefined;
  if (!isSoundBlock(block)) {
    const next = (first.changes.at(-1)!.sequence + 1) >>> 0;
    if (chains[1] !== undefined && chains[1].changes[0]!.sequence !== next) first = chains[1];
    start = first.log.block;
  }
  let expected = isSoundBlock(block) ? BaseBlock.decode(block).secondarySequence : first.changes[0]!.sequence;
  const applied: LoggedChange[] = [];
  for (const { changes } of chains) {
    for (const change of changes) {
      if (change.sequence !== expected) continue;
      applied.push(change);
      expected = (expected + 1) >>> 0;
    }
  }
  return applied.length === 0 ? undefined : apply(start, applied);
}

/**
 * What the logs of a dirty hive make of it; undefined when the hive is not dirty or no log belongs to its state.
 * @param block the first 512 bytes of the hive
 */
export async function recover(
  hive: HiveSource,
  block: Uint8Array,
  sources: readonly HiveSource[],
): Promise<Recovery | undefined> {
  if (!isDirtyBlock(block)) return undefined;
  const logs: LogFile[] = [];
  for (const source of sources) {
    const log = await openLog(source);
    if (log !== undefined) logs.push(log);
  }
  const recentLogs = logs.filter((log) => log.isNew);
  if (recentLogs.length > 0) return recoverNew(block, recentLogs);
  return recoverOld(hive, block, logs);
}
