import type { WarningSink } from '@vmcraft/core/contracts';
import { LimitExceededError, TruncatedImageError, UsageError } from '@vmcraft/core/errors';
import { Allocator } from './allocator.js';
import { checkBaseBlock, isSoundBlock, readBlock } from './base-block.js';
import { Cells } from './cells.js';
import { commitChanges, type HiveCommit } from './commit.js';
import { corrupt } from './corruption.js';
import { fileTimeToDate } from './file-time.js';
import { HiveKey } from './hive-key.js';
import { HandleTable, type HiveState } from './hive-state.js';
import type { HiveValue } from './hive-value.js';
import { readValue } from './key-value.js';
import { BASE_BLOCK_SIZE, BaseBlock, CELL_UNIT } from './layout.js';
import { loadValue } from './load-value.js';
import { PageStore } from './page-store.js';
import { isDirtyBlock, recover } from './recovery.js';
import { type HiveSource, isHiveTarget } from './source.js';
import { inTransaction } from './tree-edit.js';

const DEFAULT_CACHE = 32 * 1024 * 1024;
const DEFAULT_MAX_BYTES = 512 * 1024 * 1024;

/** How to open a hive. */
export interface OpenHiveOptions {
  /** Transaction logs beside the hive (LOG, LOG1, LOG2), in this order; empty ones may be among them. */
  readonly logs?: readonly HiveSource[];
  /** Allow changes. They reach the source only by {@link Hive.commit}. */
  readonly writable?: boolean;
  /** Receives tolerated defects. */
  readonly warn?: WarningSink;
  /** How much of the unchanged hive to keep in memory, in bytes (32 MiB). */
  readonly cacheBytes?: number;
  /** The time that changed keys and the hive get (now). */
  readonly now?: () => Date;
}

/** A registry hive. Nothing is read before it is asked for. */
export class Hive {
  readonly #root: HiveKey;

  /** @internal Made by {@link openHive}. */
  constructor(
    readonly state: HiveState,
    readonly source: HiveSource,
    root: HiveKey,
  ) {
    this.#root = root;
  }

  get root(): HiveKey {
    return this.#root;
  }

  /** Version of the format, 1.3 to 1.6. */
  get version(): { readonly major: number; readonly minor: number } {
    return { major: this.state.base.majorVersion, minor: this.state.base.minorVersion };
  }

  /** When the hive was last written; undefined when that is not recorded. */
  get lastWritten(): Date | undefined {
    return fileTimeToDate(this.state.base.lastWritten);
  }

  /** What the base block records of the hive's own file name, for debugging. */
  get fileName(): string {
    return this.state.base.fileName;
  }

  get writable(): boolean {
    return this.state.writable;
  }

  /** The key at a path from the root, names divided by backslashes; undefined when there is none. */
  key(path: string): Promise<HiveKey | undefined> {
    return this.#root.key(path);
  }

  /**
   * The key that {@link HiveKey.handle} named.
   * @throws CorruptImageError, UsageError when no key is there
   */
  keyAt(handle: number): Promise<HiveKey> {
    const cell = cellOf(handle);
    return this.state.store.run(() => new HiveKey(this.state, cell));
  }

  /**
   * The value that {@link HiveValue.handle} named.
   * @throws CorruptImageError, UsageError when no value is there
   */
  valueAt(handle: number): Promise<HiveValue> {
    const cell = cellOf(handle);
    return this.state.store.run(() => loadValue(this.state, readValue(this.state.cells, cell)));
  }

  /** Whether there are changes that were not committed. */
  get isDirty(): boolean {
    return this.state.store.isDirty;
  }

  /**
   * Several changes that happen wholly, or not at all when `work` throws. Until then nobody else must change the hive.
   */
  transaction<T>(work: () => Promise<T>): Promise<T> {
    return inTransaction(this.state, work);
  }

  /**
   * Write the changes into the source, or into another target that holds the same hive as the source.
   * @throws UsageError when there is no target, or within a transaction
   */
  commit(target: HiveSource = this.source): Promise<HiveCommit> {
    if (!isHiveTarget(target)) {
      return Promise.reject(new UsageError('this source of a hive cannot be written', { argument: 'target' }));
    }
    return commitChanges(this.state, target);
  }

  /**
   * The whole hive with all changes, for hives that fit in memory.
   * @throws LimitExceededError when it has more than `maxBytes`
   */
  async bytes(maxBytes = DEFAULT_MAX_BYTES): Promise<Uint8Array> {
    const { store } = this.state;
    if (store.size > maxBytes) {
      throw new LimitExceededError({ limit: 'hive size', value: store.size, max: maxBytes, option: 'maxBytes' });
    }
    return (await store.run(() => store.bytes(0, store.size))).slice();
  }
}

function cellOf(handle: number): number {
  const cell = handle - BASE_BLOCK_SIZE;
  if (!Number.isSafeInteger(cell) || cell < 0 || cell % CELL_UNIT !== 0) {
    throw new UsageError(`${handle} is no handle of a key or value`, { argument: 'handle' });
  }
  return cell;
}

/** The pages of a hive with its logs applied, and its base block. */
async function recovered(
  source: HiveSource,
  { logs = [], cacheBytes = DEFAULT_CACHE, writable = false }: OpenHiveOptions,
  warn: WarningSink,
): Promise<{ block: Uint8Array; store: PageStore }> {
  const block = await readBlock(source);
  const recovery = await recover(source, block, logs);
  const store = new PageStore(source, cacheBytes, !writable && recovery === undefined);
  if (recovery === undefined) {
    if (!isSoundBlock(block)) throw corrupt('BaseBlock', 'Base block', 0, 'wrong checksum', 'checksum');
    if (isDirtyBlock(block)) {
      warn({ source: 'format-regf', message: 'the hive was not written to its end, and no log belongs to its state' });
    }
    return { block, store };
  }
  await store.mutate(() => {
    for (const { binsSize, pages } of recovery.changes) {
      store.resize(Math.max(store.size, binsSize + BASE_BLOCK_SIZE));
      for (const { offset, data } of pages) store.setBytes(offset + BASE_BLOCK_SIZE, data);
    }
    store.setBytes(0, recovery.block);
  });
  const count = recovery.changes.length;
  warn({
    source: 'format-regf',
    message: `the hive was not written to its end; ${count} changes are taken from its log`,
  });
  return { block: recovery.block, store };
}

/**
 * Open a hive. One that was not written to its end is completed from its logs: in memory only until a commit.
 * @throws CorruptImageError, TruncatedImageError when it is none, or its base block is damaged and no log restores it
 * @throws UnsupportedFeatureError for versions before 1.3
 */
export async function openHive(source: HiveSource, options: OpenHiveOptions = {}): Promise<Hive> {
  const { writable = false, warn = () => undefined } = options;
  if (writable && !isHiveTarget(source)) {
    throw new UsageError('a hive to be changed needs a source that can be written', { argument: 'source' });
  }
  const { block, store } = await recovered(source, options, warn);
  const base = BaseBlock.decode(block);
  checkBaseBlock(base);
  const end = BASE_BLOCK_SIZE + base.binsSize;
  if (end > store.size) {
    const details = { structure: 'regf.HiveBin', offset: 0, needed: end, available: store.size };
    if (writable) throw new TruncatedImageError(details);
    warn({ source: 'format-regf', message: `the hive ends ${end - store.size} bytes before its bins do` });
  }
  store.limit(end);
  const cells = new Cells(store, base.binsSize);
  const state: HiveState = {
    store,
    cells,
    allocator: new Allocator(cells, warn),
    now: options.now ?? (() => new Date()),
    base,
    writable,
    warn,
    handles: new HandleTable(),
  };
  const root = await store.run(() => new HiveKey(state, base.rootCell));
  return new Hive(state, source, root);
}
