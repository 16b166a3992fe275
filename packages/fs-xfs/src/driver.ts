import type { BlockDevice, FileSystem, FsDriver, FsOpenOptions, FsSignature } from '@vmcraft/core/contracts';
import { recover } from './log.js';
import { realtimeOf } from './sections.js';
import { openVolume, readSuperblock } from './volume.js';
import { XfsFileSystem } from './xfs-filesystem.js';

const DRIVER = 'fs-xfs';
/** mount(8), "Mount options for xfs": read what is there without replaying the log. */
const NO_RECOVERY = 'norecovery';

/** Opens XFS for reading. */
export const xfsDriver: FsDriver = {
  name: DRIVER,

  async probe(device: BlockDevice): Promise<FsSignature | undefined> {
    const superblock = await readSuperblock(device);
    if (superblock === undefined) return undefined;
    const { label, uuid, dataBlocks, blockSize } = superblock;
    const size = dataBlocks * BigInt(blockSize);
    return {
      type: 'xfs',
      uuid,
      ...(label === '' ? {} : { label }),
      ...(size <= BigInt(Number.MAX_SAFE_INTEGER) ? { size: Number(size) } : {}),
    };
  },

  async open(device: BlockDevice, options: FsOpenOptions): Promise<FileSystem> {
    const found = await openVolume(device);
    const isAsIs = (options.mountOptions ?? []).includes(NO_RECOVERY);
    const recovered = isAsIs ? found : await recover(found, options);
    const realtime = await realtimeOf(recovered, options);
    const volume = realtime === undefined ? recovered : { ...recovered, realtime };
    const { label, uuid } = volume.superblock;
    const identity = { type: 'xfs', driver: DRIVER, uuid, ...(label === '' ? {} : { label }) };
    return XfsFileSystem.open(identity, volume, device);
  },
};
