import type { BlockDevice, FileSystem, FsDriver, FsOpenOptions, FsSignature } from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { BtrfsFileSystem } from './btrfs-filesystem.js';
import { Id } from './layout.js';
import { hasMagic, readSuperblock } from './superblock.js';
import { Volume } from './volume.js';

const DRIVER = 'fs-btrfs';

/** Opens Btrfs for reading. */
export const btrfsDriver: FsDriver = {
  name: DRIVER,

  async probe(device: BlockDevice): Promise<FsSignature | undefined> {
    if (!(await hasMagic(device))) return undefined;
    const facts = await readSuperblock(device, () => undefined).catch(() => undefined);
    if (facts === undefined) return { type: 'btrfs' };
    const { label, fsid, totalBytes } = facts;
    return { type: 'btrfs', uuid: fsid, size: totalBytes, ...(label === '' ? {} : { label }) };
  },

  /**
   * Mount options of btrfs(5) that choose what is opened: `subvol=PATH`, from the top of the file system, and `subvolid=ID`; else it is the
   * default subvolume.
   */
  async open(device: BlockDevice, options: FsOpenOptions): Promise<FileSystem> {
    const volume = await Volume.open(device, options);
    const { fsid, label } = volume.facts;
    const identity = { type: 'btrfs', driver: DRIVER, uuid: fsid, ...(label === '' ? {} : { label }) };
    const chosen = await chosenSubvolume(volume, options.mountOptions ?? []);
    if (typeof chosen === 'number') return BtrfsFileSystem.open(identity, volume, await volume.subvolume(chosen));
    const top = await BtrfsFileSystem.open(identity, volume, await volume.subvolume(Id.fsTree));
    return BtrfsFileSystem.open(identity, volume, await subvolumeAt(top, chosen));
  },
};

/** Id, or path, of what is to be opened. */
async function chosenSubvolume(volume: Volume, mountOptions: readonly string[]): Promise<number | string> {
  const optionOf = (name: string): string | undefined =>
    mountOptions.findLast((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
  const path = optionOf('subvol')?.replace(/^\/+|\/+$/g, '');
  if (path !== undefined) return path === '' ? Id.fsTree : path;
  const id = optionOf('subvolid');
  if (id === undefined) return volume.defaultSubvolume();
  return Number(id) === 0 ? Id.fsTree : Number(id);
}

/** The subvolume whose root a path names. @throws FsError ENOENT, EINVAL when it is no subvolume */
async function subvolumeAt(top: BtrfsFileSystem, path: string): Promise<typeof top.root.subvolume> {
  let node = top.root;
  for (const name of path.split('/').filter((part) => part !== '')) {
    const next = await top.lookup(node, name);
    if (next === undefined) throw new FsError('ENOENT', { operation: 'mount', path, reason: 'no such subvolume' });
    node = next;
  }
  if (node.objectid !== node.subvolume.rootDir) {
    throw new FsError('EINVAL', { operation: 'mount', path, reason: 'not a subvolume' });
  }
  return node.subvolume;
}
