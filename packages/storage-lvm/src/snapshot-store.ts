import { viewOf } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, LimitExceededError } from '@vmcraft/core/errors';
import { SECTOR } from './layout.js';
import { EXCEPTION_SIZE, SNAPSHOT_MAGIC, SNAPSHOT_VERSION, SnapshotHeader } from './layout-snapshot.js';

/** Changed chunks of one snapshot that are held in memory: 16 bytes each and the map's own. */
const MAX_EXCEPTIONS = 1 << 21;
const MAX_CHUNK = 8 * 1024 * 1024;

/** The changed chunks of a snapshot. */
export interface SnapshotStore {
  /** Bytes of a chunk. */
  readonly chunkSize: number;
  /** Chunk of the store by chunk of the origin. */
  readonly chunks: ReadonlyMap<number, number>;
}

/**
 * Read all exceptions of a persistent store. Areas of exceptions lie among the data they describe: area `n` begins at chunk
 * `1 + n · (exceptions of an area + 1)`.
 * @throws CorruptImageError when the store has overflowed, or points outside of itself; LimitExceededError
 */
export async function loadSnapshotStore(store: BlockDevice, subject: string): Promise<SnapshotStore> {
  const header = SnapshotHeader.decode(await store.read(0, SnapshotHeader.size));
  if (header.magic !== SNAPSHOT_MAGIC) {
    // A store that was never activated is empty.
    if (header.magic === 0) return { chunkSize: SECTOR * 8, chunks: new Map() };
    throw new CorruptImageError({ structure: subject, field: 'magic', expected: SNAPSHOT_MAGIC, found: header.magic });
  }
  if (header.version !== SNAPSHOT_VERSION) {
    throw new CorruptImageError({ structure: subject, field: 'version', expected: 1, found: header.version });
  }
  if (header.valid !== 1) {
    const reason = 'its store was full, so it is no longer valid: what it held is lost';
    throw new CorruptImageError({ structure: subject, field: 'valid', reason });
  }
  const chunkSize = header.chunkSize * SECTOR;
  if (chunkSize === 0 || chunkSize > MAX_CHUNK || (chunkSize & (chunkSize - 1)) !== 0) {
    throw new CorruptImageError({ structure: subject, field: 'chunk_size', found: header.chunkSize });
  }
  return { chunkSize, chunks: await readExceptions(store, chunkSize, subject) };
}

async function readExceptions(store: BlockDevice, chunkSize: number, subject: string): Promise<Map<number, number>> {
  const perArea = chunkSize / EXCEPTION_SIZE;
  const total = Math.floor(store.size / chunkSize);
  const chunks = new Map<number, number>();
  for (let area = 1; area < total; area += perArea + 1) {
    const view = viewOf(await store.read(area * chunkSize, chunkSize));
    for (let i = 0; i < perArea; i++) {
      const from = Number(view.getBigUint64(i * EXCEPTION_SIZE, true));
      const to = Number(view.getBigUint64(i * EXCEPTION_SIZE + 8, true));
      if (to === 0) return chunks;
      if (to >= total || !Number.isSafeInteger(from)) {
        const reason = `chunk ${to} lies behind the end of the store`;
        throw new CorruptImageError({ structure: subject, offset: area * chunkSize + i * EXCEPTION_SIZE, reason });
      }
      chunks.set(from, to);
      if (chunks.size > MAX_EXCEPTIONS) {
        throw new LimitExceededError({ limit: 'changed chunks', value: chunks.size, max: MAX_EXCEPTIONS });
      }
    }
  }
  return chunks;
}
