import { UsageError } from '@vmcraft/core/errors';
import { sealBaseBlock } from './base-block.js';
import { dateToFileTime } from './file-time.js';
import type { HiveState } from './hive-state.js';
import { BASE_BLOCK_SIZE, BaseBlock, BinHeader } from './layout.js';
import type { HiveTarget } from './source.js';

/** What a commit wrote. */
export interface HiveCommit {
  /** Spans of the hive that changed, in bytes; empty when nothing did. */
  readonly ranges: readonly { readonly offset: number; readonly length: number }[];
}

/** The base block says that the hive is whole, and when it was written. Section "Base block". */
function stamp(state: HiveState): void {
  const { store, cells } = state;
  const { base } = state;
  base.primarySequence = (base.primarySequence + 1) >>> 0;
  base.secondarySequence = base.primarySequence;
  base.lastWritten = dateToFileTime(state.now());
  base.binsSize = cells.binsSize;
  const block = store.bytes(0, BaseBlock.size).slice();
  const { primarySequence, secondarySequence, lastWritten, binsSize } = base;
  BaseBlock.encodeInto({ primarySequence, secondarySequence, lastWritten, binsSize }, block);
  sealBaseBlock(block);
  store.setBytes(0, block);
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, lastWritten, true);
  store.setBytes(BASE_BLOCK_SIZE + BinHeader.offsetOf('timestamp'), time);
}

/** The base block as it has to be while the rest is written: its two sequence numbers differ. */
function whileWriting(block: Uint8Array): Uint8Array {
  const dirty = block.slice(0, BaseBlock.size);
  const { primarySequence } = BaseBlock.decode(dirty);
  BaseBlock.encodeInto({ secondarySequence: (primarySequence - 1) >>> 0 }, dirty);
  sealBaseBlock(dirty);
  return dirty;
}

/** Write what changed to the target, so that at every moment the hive is either whole or marked as not. */
export async function commitChanges(state: HiveState, target: HiveTarget): Promise<HiveCommit> {
  const { store } = state;
  if (store.inTransaction) throw new UsageError('a hive cannot be committed within a transaction');
  if (!store.isDirty) return { ranges: [] };
  await store.mutate(() => stamp(state));
  const runs = [...store.dirtyRuns()];
  const [base, ...rest] = runs.flatMap((run) => splitBase(run));
  if (target.size < store.size) await target.truncate(store.size);
  await target.write(0, whileWriting(base!.data));
  for (const { offset, data } of rest) await target.write(offset, data);
  await target.flush?.();
  await target.write(0, base!.data);
  await target.flush?.();
  store.clean();
  return { ranges: runs.map(({ offset, data }) => ({ offset, length: data.length })) };
}

/** The first run begins with the base block, which is written last. */
function splitBase(run: { offset: number; data: Uint8Array }): { offset: number; data: Uint8Array }[] {
  if (run.offset !== 0 || run.data.length <= BASE_BLOCK_SIZE) return [run];
  return [
    { offset: 0, data: run.data.subarray(0, BASE_BLOCK_SIZE) },
    { offset: BASE_BLOCK_SIZE, data: run.data.subarray(BASE_BLOCK_SIZE) },
  ];
}
