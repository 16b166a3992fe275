import type { FsStatvfs } from '@vmcraft/core/contracts';
import { Bitmap } from './bitmap.js';
import { AttributeType, SystemFile } from './layout.js';
import type { Volume } from './volume.js';

/** ntfs-3g gives this, as names have 255 UTF-16 units. */
const NAME_MAX = 255;

/** The map of clusters. @throws CorruptImageError */
export async function clusterBitmap(volume: Volume): Promise<Bitmap> {
  const inode = await volume.mft.load(SystemFile.bitmap);
  const attribute = inode.require(AttributeType.data);
  return new Bitmap(volume, attribute, volume.geometry.totalClusters, () => {
    inode.dirty = true;
  });
}

/** The map of records. @throws CorruptImageError */
export function recordBitmap(volume: Volume): Bitmap {
  const { inode } = volume.mft;
  const attribute = inode.require(AttributeType.bitmap);
  return new Bitmap(volume, attribute, Math.min(volume.mft.count, bitsOf(attribute)), () => {
    inode.dirty = true;
  });
}

function bitsOf(attribute: {
  readonly value?: Uint8Array | undefined;
  readonly nonResident?: { readonly dataSize: number } | undefined;
}): number {
  return (attribute.nonResident?.dataSize ?? attribute.value?.length ?? 0) * 8;
}

/** Figures of statvfs(3), counted as ntfs-3g does: records may fill all free space. */
export function statisticsOf(volume: Volume, freeClusters: number, freeRecords: number): FsStatvfs {
  const { geometry, mft } = volume;
  const moreRecords = Math.floor((freeClusters * geometry.clusterSize) / geometry.recordSize);
  return {
    blockSize: geometry.clusterSize,
    fragmentSize: geometry.clusterSize,
    blocks: geometry.totalClusters,
    blocksFree: freeClusters,
    blocksAvailable: freeClusters,
    files: mft.count + moreRecords,
    filesFree: freeRecords + moreRecords,
    fsid: geometry.serial,
    nameMax: NAME_MAX,
  };
}
