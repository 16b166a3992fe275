import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import { inodeBitmap, modifyBlockBitmap, modifyInodeBitmap, testBit } from './bitmap.js';
import type { GroupDescriptor } from './group-descriptor.js';
import { BG_BLOCK_UNINIT } from './layout.js';
import type { Volume } from './volume.js';

/** Takes and gives back inodes by the bitmaps; keeps the counts in descriptors and superblock. */
export class InodeAllocator {
  /** By group: no inode index below is free. */
  readonly #hints = new Map<number, number>();

  constructor(private readonly volume: Volume) {}

  /** Forget what is remembered of the bitmaps, after they were rolled back. */
  reset(): void {
    this.#hints.clear();
  }

  /**
   * Allocate an inode near its directory. A directory in the root starts in the emptiest of a few groups, so that trees spread.
   * @throws FsError ENOSPC
   */
  async allocate(parent: number, isDirectory: boolean, atTop: boolean): Promise<number> {
    const { geometry, superblock, groups } = this.volume;
    if (superblock.get('freeInodes') === 0)
      throw new FsError('ENOSPC', { operation: 'create', reason: 'no free inode' });
    let home = Math.floor((parent - 1) / geometry.inodesPerGroup);
    if (isDirectory && atTop) home = await this.#emptiest(home);
    for (let i = 0; i < geometry.groupCount; i++) {
      const group = (home + i) % geometry.groupCount;
      if ((await groups.read(group)).freeInodes === 0) continue;
      const index = await this.#find(group);
      if (index !== undefined) return this.#take(group, index, isDirectory);
    }
    throw new FsError('ENOSPC', { operation: 'create', reason: 'no free inode' });
  }

  async #emptiest(home: number): Promise<number> {
    const { geometry, groups } = this.volume;
    let best = home;
    let most = -1;
    for (let i = 0; i < Math.min(geometry.groupCount, 16); i++) {
      const group = (home + i) % geometry.groupCount;
      const d = await groups.read(group);
      const score = d.freeBlocks === 0 ? 0 : d.freeInodes - d.usedDirs;
      if (score > most) {
        most = score;
        best = group;
      }
    }
    return best;
  }

  async #find(group: number): Promise<number | undefined> {
    const { geometry } = this.volume;
    const bits = await inodeBitmap(this.volume, group);
    const reserved = group === 0 ? geometry.firstInode - 1 : 0;
    let index = Math.max(this.#hints.get(group) ?? 0, reserved);
    while (index < geometry.inodesPerGroup && testBit(bits, index))
      index += (index & 7) === 0 && bits[index >> 3] === 0xff ? 8 : 1;
    if (index >= geometry.inodesPerGroup) return undefined;
    this.#hints.set(group, index);
    return index;
  }

  async #take(group: number, index: number, isDirectory: boolean): Promise<number> {
    const { volume } = this;
    const { geometry, superblock } = volume;
    const d = await volume.groups.modify(group);
    const bits = await modifyInodeBitmap(volume, d);
    bits[index >> 3]! |= 1 << (index & 7);
    d.freeInodes -= 1;
    if (isDirectory) d.usedDirs += 1;
    if (volume.checksum.descriptors) {
      // A group with inodes in use has a block bitmap too.
      if ((d.flags & BG_BLOCK_UNINIT) !== 0) await modifyBlockBitmap(volume, d);
      this.#shrinkUnused(d, index);
    }
    superblock.set({ freeInodes: superblock.get('freeInodes') - 1 });
    this.#hints.set(group, index + 1);
    return group * geometry.inodesPerGroup + index + 1;
  }

  /** Mark an inode as used. @returns whether it was free */
  async claim(ino: number, isDirectory: boolean): Promise<boolean> {
    const { geometry } = this.volume;
    if (!(ino >= 1 && ino <= geometry.inodesCount)) {
      throw new CorruptImageError({
        structure: 'inode bitmap',
        found: ino,
        reason: `inode ${ino} of ${geometry.inodesCount}`,
      });
    }
    const index = (ino - 1) % geometry.inodesPerGroup;
    const group = (ino - 1 - index) / geometry.inodesPerGroup;
    if (testBit(await inodeBitmap(this.volume, group), index)) return false;
    await this.#take(group, index, isDirectory);
    this.#hints.delete(group);
    return true;
  }

  #shrinkUnused(d: GroupDescriptor, index: number): void {
    const rest = this.volume.geometry.inodesPerGroup - index - 1;
    if (rest < d.itableUnused) d.itableUnused = rest;
  }

  /** Give an inode back. @throws CorruptImageError when it is free already */
  async free(ino: number, isDirectory: boolean): Promise<void> {
    const { volume } = this;
    const { geometry, superblock } = volume;
    const index = (ino - 1) % geometry.inodesPerGroup;
    const group = (ino - 1 - index) / geometry.inodesPerGroup;
    const d = await volume.groups.modify(group);
    const bits = await modifyInodeBitmap(volume, d);
    if (!testBit(bits, index)) {
      throw new CorruptImageError({
        structure: 'inode bitmap',
        found: ino,
        reason: `inode ${ino} is in use but marked free`,
      });
    }
    bits[index >> 3]! &= ~(1 << (index & 7));
    d.freeInodes += 1;
    if (isDirectory && d.usedDirs > 0) d.usedDirs -= 1;
    superblock.set({ freeInodes: superblock.get('freeInodes') + 1 });
    if (index < (this.#hints.get(group) ?? 0)) this.#hints.set(group, index);
  }
}
