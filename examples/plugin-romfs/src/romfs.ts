import {
  type BlockDevice,
  CorruptImageError,
  type DirEntry,
  decodeFileName,
  type FileSystem,
  type FileType,
  FsError,
  type FsIdentity,
  type FsNode,
  type FsStat,
  type FsStatvfs,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  S_IFSOCK,
} from '@vmcraft/core';
import { FileKind } from './layout.js';
import { type Entry, readEntry, type Volume } from './reader.js';

/** Entries a directory may have: the guard against cycles through `next`. */
const MAX_ENTRIES = 1_000_000;
/** Hard links to hard links that are followed. */
const MAX_LINKS = 8;
const LINK_TARGET_MAX = 4096;
const EPOCH = { sec: 0, nsec: 0 };

const MODES: Readonly<Record<number, number>> = {
  [FileKind.directory]: S_IFDIR,
  [FileKind.regular]: S_IFREG,
  [FileKind.symlink]: S_IFLNK,
  [FileKind.blockDevice]: S_IFBLK,
  [FileKind.charDevice]: S_IFCHR,
  [FileKind.socket]: S_IFSOCK,
  [FileKind.fifo]: S_IFIFO,
};
const LETTERS: readonly FileType[] = ['u', 'd', 'r', 'l', 'b', 'c', 's', 'f'];

class RomNode implements FsNode {
  constructor(readonly entry: Entry) {}
  get ino(): number {
    return this.entry.offset;
  }
}

/** A romfs opened for reading. */
export class RomFs implements FileSystem {
  readonly readonly = true;
  readonly caseInsensitive = false;
  readonly abilities = new Set<never>();
  #closed = false;

  constructor(
    readonly device: BlockDevice,
    readonly identity: FsIdentity,
    private readonly volume: Volume,
    readonly root: FsNode,
  ) {}

  /** @throws CorruptImageError when the root is not a directory */
  static async open(device: BlockDevice, identity: FsIdentity, volume: Volume): Promise<RomFs> {
    const root = await readEntry(device, volume, volume.root);
    if (root.kind !== FileKind.directory) {
      throw new CorruptImageError({
        structure: 'romfs file header',
        offset: root.offset,
        reason: 'the root is not a directory',
      });
    }
    return new RomFs(device, identity, volume, new RomNode(root));
  }

  async lookup(dir: FsNode, name: string): Promise<FsNode | undefined> {
    for await (const entry of this.readdir(dir)) if (entry.name === name) return entry.node;
    return undefined;
  }

  async stat(node: FsNode): Promise<FsStat> {
    const entry = this.#entry(node, 'stat');
    const isDevice = entry.kind === FileKind.blockDevice || entry.kind === FileKind.charDevice;
    const permissions =
      entry.kind === FileKind.symlink ? 0o777 : entry.executable || entry.kind === FileKind.directory ? 0o755 : 0o644;
    return {
      ino: entry.offset,
      mode: (MODES[entry.kind] ?? S_IFREG) | permissions,
      nlink: 1,
      uid: 0,
      gid: 0,
      rdev: isDevice ? { major: entry.spec >>> 16, minor: entry.spec & 0xffff } : { major: 0, minor: 0 },
      size: entry.kind === FileKind.directory ? 0 : entry.size,
      blocks: Math.ceil(entry.size / 512),
      blockSize: 1024,
      atime: EPOCH,
      mtime: EPOCH,
      ctime: EPOCH,
    };
  }

  async *readdir(dir: FsNode): AsyncIterable<DirEntry> {
    const entry = this.#entry(dir, 'readdir');
    if (entry.kind !== FileKind.directory) throw new FsError('ENOTDIR', { operation: 'readdir' });
    let offset = entry.spec - (entry.spec % 16);
    for (let count = 0; offset !== 0; count++) {
      if (count >= MAX_ENTRIES)
        throw new CorruptImageError({
          structure: 'romfs directory',
          offset: entry.offset,
          reason: 'its entries form a cycle',
        });
      const found = await readEntry(this.device, this.volume, offset);
      if (found.name !== '.' && found.name !== '..') {
        const node = await this.#followHardLinks(found);
        yield { name: found.name, node: new RomNode(node), type: LETTERS[node.kind] ?? 'u' };
      }
      offset = found.next;
    }
  }

  async read(node: FsNode, offset: number, length: number): Promise<Uint8Array> {
    const entry = this.#entry(node, 'read');
    if (entry.kind === FileKind.directory) throw new FsError('EISDIR', { operation: 'read' });
    if (entry.kind !== FileKind.regular) throw new FsError('EINVAL', { operation: 'read' });
    if (entry.data + entry.size > this.device.size) {
      throw new CorruptImageError({
        structure: 'romfs file header',
        field: 'size',
        offset: entry.offset,
        reason: 'the file ends past the device',
      });
    }
    const within = Math.max(0, Math.min(length, entry.size - offset));
    return this.device.read(entry.data + Math.min(offset, entry.size), within);
  }

  async readlink(node: FsNode): Promise<string> {
    const entry = this.#entry(node, 'readlink');
    if (entry.kind !== FileKind.symlink) throw new FsError('EINVAL', { operation: 'readlink' });
    if (entry.size > LINK_TARGET_MAX) throw new FsError('ENAMETOOLONG', { operation: 'readlink' });
    return decodeFileName(await this.device.read(entry.data, entry.size));
  }

  async statfs(): Promise<FsStatvfs> {
    this.#entry(this.root, 'statfs');
    const blocks = Math.ceil(this.volume.size / 1024);
    const none = { blocksFree: 0, blocksAvailable: 0, files: 0, filesFree: 0 };
    return { blockSize: 1024, fragmentSize: 1024, blocks, ...none, fsid: 0n, nameMax: 255 };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #entry(node: FsNode, operation: string): Entry {
    if (this.#closed) throw new FsError('EBADF', { operation, reason: 'file system is closed' });
    return (node as RomNode).entry;
  }

  async #followHardLinks(start: Entry): Promise<Entry> {
    let entry = start;
    for (let i = 0; entry.kind === FileKind.hardLink; i++) {
      if (i >= MAX_LINKS)
        throw new CorruptImageError({
          structure: 'romfs file header',
          offset: start.offset,
          reason: 'hard links form a cycle',
        });
      entry = await readEntry(this.device, this.volume, entry.spec);
    }
    return entry;
  }
}
