import { alignUp, decodeFileName, equalBytes } from '@vmcraft/core/binary';
import type {
  BlockDevice,
  DirEntry,
  FileSystem,
  FsAbility,
  FsIdentity,
  FsMember,
  FsNode,
  FsStat,
  FsStatvfs,
  IoOptions,
  QuotaGroup,
  SubvolumeFacts,
  SubvolumesFs,
  XattrFs,
} from '@vmcraft/core/contracts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '@vmcraft/core/contracts';
import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import { type DirRecord, dirRecords, nameBytes, nameHash } from './dir-items.js';
import { type BtrfsNode, type Inode, readInode } from './inode.js';
import { BALANCE_OBJECTID, FILE_TYPES, Id, Type } from './layout.js';
import { NodeNumbers } from './node-numbers.js';
import { quotaGroups } from './quotas.js';
import { spaceOf } from './space.js';
import type { Subvolume } from './subvolume.js';
import { listSubvolumes, subvolumeById } from './subvolumes.js';
import { LAST_OFFSET } from './tree.js';
import type { Volume } from './volume.js';

/** Longest symbolic link, bytes: it is inline, within a node. */
const LINK_MAX = 65_536;
/** Inodes that are held. */
const HELD_INODES = 1024;

/** A subvolume of a Btrfs, and those below it, opened for reading. */
export class BtrfsFileSystem implements FileSystem, XattrFs, SubvolumesFs {
  readonly readonly = true;
  readonly caseInsensitive = false;
  readonly abilities: ReadonlySet<FsAbility> = new Set<FsAbility>(['xattr', 'subvolumes']);
  readonly root: BtrfsNode;
  readonly #numbers: NodeNumbers;
  readonly #inodes = new Map<number, Inode>();
  #closed = false;

  private constructor(
    readonly identity: FsIdentity,
    readonly volume: Volume,
    subvolume: Subvolume,
  ) {
    this.#numbers = new NodeNumbers(subvolume.id);
    this.root = this.#make(subvolume, subvolume.rootDir);
  }

  /** @throws CorruptImageError when the root is not a directory */
  static async open(identity: FsIdentity, volume: Volume, subvolume: Subvolume): Promise<BtrfsFileSystem> {
    const fs = new BtrfsFileSystem(identity, volume, subvolume);
    const { mode } = await fs.#inode(fs.root, 'open');
    if ((mode & S_IFMT) !== S_IFDIR) {
      throw new CorruptImageError({ structure: 'btrfs_inode_item', reason: 'the root is not a directory' });
    }
    return fs;
  }

  get device(): BlockDevice {
    return this.volume.device;
  }

  async lookup(dir: FsNode, name: string): Promise<BtrfsNode | undefined> {
    const parent = await this.#directory(dir, 'lookup');
    if (parent.isEmptyDir === true) return undefined;
    const wanted = nameBytes(name);
    const key = { objectid: parent.objectid, type: Type.dirItem, offset: nameHash(wanted) };
    const item = await parent.subvolume.items.find(key);
    for (const record of item === undefined ? [] : dirRecords(item.data)) {
      if (equalBytes(record.name, wanted)) return this.#nodeOf(parent, record);
    }
    return undefined;
  }

  async stat(node: FsNode): Promise<FsStat> {
    const inode = await this.#inode(node, 'stat');
    const { sectorsize } = this.volume.facts;
    const { mode, nlink, uid, gid, rdev, size, atime, mtime, ctime, otime } = inode;
    return {
      ino: node.ino,
      mode,
      nlink,
      uid,
      gid,
      rdev,
      size,
      blocks: alignUp(inode.nbytes, sectorsize) / 512,
      blockSize: sectorsize,
      atime,
      mtime,
      ctime,
      btime: otime,
    };
  }

  async *readdir(dir: FsNode): AsyncIterable<DirEntry> {
    const parent = await this.#directory(dir, 'readdir');
    if (parent.isEmptyDir === true) return;
    const from = { objectid: parent.objectid, type: Type.dirIndex, offset: 0 };
    for await (const item of parent.subvolume.items.range(from, { ...from, offset: LAST_OFFSET })) {
      for (const record of dirRecords(item.data)) {
        const name = decodeFileName(record.name);
        if (name === '' || name === '.' || name === '..' || record.name.includes(SLASH) || record.name.includes(0)) {
          throw new CorruptImageError({
            structure: 'btrfs_dir_item',
            field: 'name',
            found: name,
            expected: 'the name of a file',
          });
        }
        const isInode = record.location.type !== Type.rootItem;
        const node = isInode
          ? this.#make(parent.subvolume, record.location.objectid)
          : await this.#nodeOf(parent, record);
        yield { name, type: FILE_TYPES[record.type] ?? 'u', node };
      }
    }
  }

  async read(node: FsNode, offset: number, length: number, options: IoOptions = {}): Promise<Uint8Array> {
    const inode = await this.#inode(node, 'read');
    if ((inode.mode & S_IFMT) === S_IFDIR) throw new FsError('EISDIR', { operation: 'read' });
    if ((inode.mode & S_IFMT) !== S_IFREG) throw new FsError('EINVAL', { operation: 'read' });
    const count = Math.min(length, inode.size - offset);
    if (count <= 0) return new Uint8Array(0);
    const { subvolume, objectid } = node as BtrfsNode;
    return this.volume.contents.read(subvolume, objectid, inode, offset, count, options);
  }

  async readlink(node: FsNode): Promise<string> {
    const inode = await this.#inode(node, 'readlink');
    if ((inode.mode & S_IFMT) !== S_IFLNK) throw new FsError('EINVAL', { operation: 'readlink' });
    if (inode.size > LINK_MAX) {
      throw new CorruptImageError({
        structure: 'btrfs symbolic link',
        field: 'size',
        found: inode.size,
        expected: `at most ${LINK_MAX}`,
      });
    }
    const { subvolume, objectid } = node as BtrfsNode;
    return decodeFileName(await this.volume.contents.read(subvolume, objectid, inode, 0, inode.size));
  }

  async statfs(): Promise<FsStatvfs> {
    this.#open('statfs');
    const { sectorsize, fsid } = this.volume.facts;
    const { total, free, available } = await spaceOf(this.volume);
    return {
      blockSize: sectorsize,
      fragmentSize: sectorsize,
      blocks: Math.floor(total / sectorsize),
      blocksFree: Math.floor(free / sectorsize),
      blocksAvailable: Math.floor(available / sectorsize),
      // Inodes are made as they are needed; the kernel says 0, too.
      files: 0,
      filesFree: 0,
      fsid: shownId(fsid, this.root.subvolume.id),
      nameMax: 255,
    };
  }

  async listXattr(node: FsNode): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const { name } of this.#attributes(node, 'listxattr')) names.push(decodeFileName(name));
    return names;
  }

  async getXattr(node: FsNode, wanted: string): Promise<Uint8Array | undefined> {
    const bytes = nameBytes(wanted);
    for await (const { name, value } of this.#attributes(node, 'getxattr')) if (equalBytes(name, bytes)) return value;
    return undefined;
  }

  async setXattr(): Promise<void> {
    throw new FsError('EROFS', { operation: 'setxattr' });
  }

  async removeXattr(): Promise<void> {
    throw new FsError('EROFS', { operation: 'removexattr' });
  }

  async subvolumes(): Promise<readonly SubvolumeFacts[]> {
    this.#open('subvolumes');
    return listSubvolumes(this.volume);
  }

  async defaultSubvolume(): Promise<number> {
    this.#open('defaultSubvolume');
    return this.volume.defaultSubvolume();
  }

  async subvolumeOf(node: FsNode): Promise<{ readonly subvolume: SubvolumeFacts; readonly isRoot: boolean }> {
    this.#open('subvolumeOf');
    const { subvolume, objectid, isEmptyDir } = node as BtrfsNode;
    const isRoot = objectid === subvolume.rootDir && isEmptyDir !== true;
    return { subvolume: await subvolumeById(this.volume, subvolume.id), isRoot };
  }

  async quotaGroups(): Promise<readonly QuotaGroup[] | undefined> {
    this.#open('quotaGroups');
    return quotaGroups(this.volume);
  }

  async hasPausedBalance(): Promise<boolean> {
    this.#open('hasPausedBalance');
    const key = { objectid: BALANCE_OBJECTID, type: Type.temporaryItem, offset: 0 };
    return (await this.volume.rootTree.find(key)) !== undefined;
  }

  members(): readonly FsMember[] {
    this.#open('members');
    const { devices } = this.volume.space;
    return [...devices.known].map(([id, { uuid }]) => ({ id, uuid, device: devices.get(id) }));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#inodes.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#attributes(node: FsNode, operation: string): AsyncIterable<DirRecord> {
    this.#open(operation);
    const { subvolume, objectid, isEmptyDir } = node as BtrfsNode;
    if (isEmptyDir === true) return;
    const from = { objectid, type: Type.xattrItem, offset: 0 };
    for await (const item of subvolume.items.range(from, { ...from, offset: LAST_OFFSET }))
      yield* dirRecords(item.data);
  }

  /** What a directory entry names: an inode of the same subvolume, or the root of another one. */
  async #nodeOf(parent: BtrfsNode, { location }: DirRecord): Promise<BtrfsNode> {
    if (location.type !== Type.rootItem) return this.#make(parent.subvolume, location.objectid);
    // A snapshot has the entry and not the subvolume: the kernel shows an empty directory.
    if (!(await this.volume.isIn(location.objectid, parent.subvolume.id))) {
      return { ...this.#make(parent.subvolume, Id.emptySubvolumeDir), isEmptyDir: true };
    }
    const subvolume = await this.volume.subvolume(location.objectid);
    return this.#make(subvolume, subvolume.rootDir);
  }

  #make(subvolume: Subvolume, objectid: number): BtrfsNode {
    return { ino: this.#numbers.numberOf(subvolume.id, objectid), subvolume, objectid };
  }

  #open(operation: string): void {
    if (this.#closed) throw new FsError('EBADF', { operation, reason: 'file system is closed' });
  }

  async #inode(node: FsNode, operation: string): Promise<Inode> {
    this.#open(operation);
    const { subvolume, objectid, isEmptyDir } = node as BtrfsNode;
    if (isEmptyDir === true)
      return { ...(await readInode(subvolume, subvolume.rootDir)), size: 0, nbytes: 0, nlink: 2, mode: EMPTY_DIR_MODE };
    const held = this.#inodes.get(node.ino);
    if (held !== undefined) return held;
    const inode = await readInode(subvolume, objectid);
    if (this.#inodes.size >= HELD_INODES) this.#inodes.clear();
    this.#inodes.set(node.ino, inode);
    return inode;
  }

  async #directory(node: FsNode, operation: string): Promise<BtrfsNode> {
    const { mode } = await this.#inode(node, operation);
    if ((mode & S_IFMT) !== S_IFDIR) throw new FsError('ENOTDIR', { operation });
    return node as BtrfsNode;
  }
}

const SLASH = 0x2f;
/** Mode of the stand-in for a subvolume that a snapshot does not contain. */
const EMPTY_DIR_MODE = S_IFDIR | 0o755;

/** What statvfs(3) gives as the id of the file system under Linux: the UUID folded, with the id of the subvolume. */
function shownId(fsid: string, subvolume: number): bigint {
  const WORD = 32n;
  const uuid = BigInt(`0x${fsid.replaceAll('-', '')}`);
  const word = (i: bigint): bigint => BigInt.asUintN(32, uuid >> (WORD * (3n - i)));
  const id = BigInt(subvolume);
  return (word(0n) ^ word(2n) ^ (id >> WORD)) | ((word(1n) ^ word(3n) ^ BigInt.asUintN(32, id)) << WORD);
}
