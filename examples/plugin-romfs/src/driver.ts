import { type BlockDevice, CorruptImageError, type FileSystem, type FsDriver, type FsSignature } from '@vmcraft/core';
import { readVolume, verifyChecksum } from './reader.js';
import { RomFs } from './romfs.js';

/** Opens romfs. */
export class RomFsDriver implements FsDriver {
  readonly name = 'romfs';

  async probe(device: BlockDevice): Promise<FsSignature | undefined> {
    const volume = await readVolume(device);
    return volume === undefined ? undefined : { type: 'romfs', label: volume.label, size: volume.size };
  }

  async open(device: BlockDevice): Promise<FileSystem> {
    const volume = await readVolume(device);
    if (volume === undefined)
      throw new CorruptImageError({ structure: 'romfs superblock', field: 'magic', reason: 'this is not romfs' });
    await verifyChecksum(device, volume);
    return RomFs.open(device, { type: 'romfs', driver: this.name, label: volume.label }, volume);
  }
}
