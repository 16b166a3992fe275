import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { SnapshotDevice } from './snapshot-device.js';
import type { SnapshotRelation } from './snapshot-relations.js';
import { loadSnapshotStore } from './snapshot-store.js';

/** Bytes of exceptions read at once are those of one area, so chunks are bounded. */
const MAX_CHUNK = 8 * 1024 * 1024;

/**
 * An old-style snapshot, or an origin into which one is being merged: both read as the store's chunks over the origin.
 * @throws CorruptImageError when the store overflowed or is damaged
 */
export async function openSnapshot(
  relation: SnapshotRelation,
  extentBytes: number,
  open: (name: string) => Promise<BlockDevice>,
): Promise<BlockDevice> {
  const { store, origin, chunkSize } = relation;
  if (chunkSize > MAX_CHUNK || chunkSize % 512 !== 0 || extentBytes <= 0) {
    throw new CorruptImageError({ structure: `snapshot ${store}`, field: 'chunk_size', reason: `${chunkSize} bytes` });
  }
  const originDevice = await openOrigin(relation, open);
  const storeDevice = await open(store);
  const exceptions = await loadSnapshotStore(storeDevice, `snapshot ${store} of ${origin}`);
  return new SnapshotDevice(originDevice, storeDevice, exceptions, `snapshot ${store} of ${origin}`);
}

async function openOrigin(
  { store, origin }: SnapshotRelation,
  open: (name: string) => Promise<BlockDevice>,
): Promise<BlockDevice> {
  try {
    return await open(origin);
  } catch (error) {
    if (!(error instanceof CorruptImageError)) throw error;
    const reason = `its origin ${origin} is gone: ${error.message}`;
    throw new CorruptImageError({ structure: `snapshot ${store}`, reason }, error);
  }
}
