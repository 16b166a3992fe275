import type { BlockDevice, FileSystem, FsDriver, FsOpenOptions, FsSignature } from '@vmcraft/core/contracts';
import { SquashFileSystem } from './squash-filesystem.js';
import { readSuperblock, Volume } from './volume.js';

const DRIVER = 'fs-squashfs';

/** Opens Squashfs 4 for reading. */
export const squashfsDriver: FsDriver = {
  name: DRIVER,

  async probe(device: BlockDevice): Promise<FsSignature | undefined> {
    const superblock = await readSuperblock(device);
    if (superblock === undefined) return undefined;
    const { versionMajor, versionMinor, bytesUsed } = superblock;
    return {
      type: 'squashfs',
      version: `${versionMajor}.${versionMinor}`,
      ...(bytesUsed <= BigInt(Number.MAX_SAFE_INTEGER) ? { size: Number(bytesUsed) } : {}),
    };
  },

  async open(device: BlockDevice, options: FsOpenOptions): Promise<FileSystem> {
    const volume = await Volume.open(device, options.codecs);
    return SquashFileSystem.open(device, { type: 'squashfs', driver: DRIVER, version: '4.0' }, volume);
  },
};
