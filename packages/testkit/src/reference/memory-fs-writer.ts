import type { BlockDevice, FsAbility, FsNode, NewNode, SetAttributes, WritableFs } from '@vmcraft/core';
import { FsError, S_IFDIR, S_IFMT } from '@vmcraft/core';
import { MemoryFs } from './memory-fs.js';
import { type MemoryNode, newNode } from './memory-tree.js';

const NAME_MAX = 255;

/** The writing half of the reference file system. */
export class MemoryWriter extends MemoryFs implements WritableFs {
  override readonly readonly = false;
  override readonly abilities: ReadonlySet<FsAbility> = new Set<FsAbility>(['write']);
  #nextIno = 2;

  constructor(
    device: BlockDevice,
    private readonly tree: MemoryNode,
    private readonly store: (device: BlockDevice, root: MemoryNode) => Promise<void>,
  ) {
    super(device, tree);
    const visit = (node: MemoryNode): void => {
      this.#nextIno = Math.max(this.#nextIno, node.ino + 1);
      for (const child of node.children?.values() ?? []) visit(child);
    };
    visit(tree);
  }

  async create(dir: FsNode, name: string, attributes: NewNode): Promise<FsNode> {
    const children = this.#vacant(dir, name, 'create');
    const node = newNode(this.#nextIno++, attributes.mode);
    node.uid = attributes.uid ?? 0;
    node.gid = attributes.gid ?? 0;
    if (attributes.rdev !== undefined) node.rdev = { ...attributes.rdev };
    if (attributes.target !== undefined) node.target = attributes.target;
    children.set(name, node);
    if (node.children !== undefined) (dir as MemoryNode).nlink += 1;
    return node;
  }

  async link(node: FsNode, dir: FsNode, name: string): Promise<void> {
    const target = this.node(node, 'link');
    if (target.children !== undefined) throw new FsError('EPERM', { operation: 'link', path: name });
    this.#vacant(dir, name, 'link').set(name, target);
    target.nlink += 1;
  }

  async unlink(dir: FsNode, name: string): Promise<void> {
    const node = this.#present(dir, name, 'unlink');
    if (node.children !== undefined) throw new FsError('EISDIR', { operation: 'unlink', path: name });
    this.directory(dir, 'unlink').delete(name);
    node.nlink -= 1;
  }

  async rmdir(dir: FsNode, name: string): Promise<void> {
    const node = this.#present(dir, name, 'rmdir');
    if (node.children === undefined) throw new FsError('ENOTDIR', { operation: 'rmdir', path: name });
    if (node.children.size > 0) throw new FsError('ENOTEMPTY', { operation: 'rmdir', path: name });
    this.directory(dir, 'rmdir').delete(name);
    (dir as MemoryNode).nlink -= 1;
  }

  async rename(fromDir: FsNode, fromName: string, toDir: FsNode, toName: string): Promise<void> {
    const node = this.#present(fromDir, fromName, 'rename');
    const existing = this.directory(toDir, 'rename').get(toName);
    if (existing === node) return;
    if (contains(node, toDir as MemoryNode)) throw new FsError('EINVAL', { operation: 'rename', path: toName });
    if (existing !== undefined) {
      if (existing.children !== undefined && node.children === undefined)
        throw new FsError('EISDIR', { operation: 'rename', path: toName });
      if (existing.children === undefined && node.children !== undefined)
        throw new FsError('ENOTDIR', { operation: 'rename', path: toName });
      await (existing.children === undefined ? this.unlink(toDir, toName) : this.rmdir(toDir, toName));
    }
    this.directory(fromDir, 'rename').delete(fromName);
    this.directory(toDir, 'rename').set(toName, node);
    if (node.children !== undefined) {
      (fromDir as MemoryNode).nlink -= 1;
      (toDir as MemoryNode).nlink += 1;
    }
  }

  async write(node: FsNode, offset: number, data: Uint8Array): Promise<void> {
    const file = this.#file(node, 'write');
    const end = offset + data.length;
    if (end > this.device.size) throw new FsError('ENOSPC', { operation: 'write' });
    if (end > file.data.length) await this.truncate(node, end);
    file.data.set(data, offset);
  }

  async truncate(node: FsNode, size: number): Promise<void> {
    const file = this.#file(node, 'truncate');
    if (size > this.device.size) throw new FsError('EFBIG', { operation: 'truncate' });
    const data = new Uint8Array(size);
    data.set(file.data.subarray(0, size));
    file.data = data;
  }

  async setattr(node: FsNode, attributes: SetAttributes): Promise<void> {
    const n = this.node(node, 'setattr');
    const { mode, uid, gid, atime, mtime, ctime } = attributes;
    if (mode !== undefined) n.mode = (n.mode & S_IFMT) | (mode & ~S_IFMT);
    Object.assign(n, pruned({ uid, gid, atime, mtime, ctime }));
  }

  async sync(): Promise<void> {
    this.node(this.root, 'sync');
    await this.store(this.device, this.tree);
    await this.device.flush();
  }

  override async close(): Promise<void> {
    if (this.closed) return;
    await this.sync();
    await super.close();
  }

  #file(node: FsNode, operation: string): MemoryNode {
    const file = this.node(node, operation);
    if ((file.mode & S_IFMT) === S_IFDIR) throw new FsError('EISDIR', { operation });
    return file;
  }

  #vacant(dir: FsNode, name: string, operation: string): Map<string, MemoryNode> {
    const children = this.directory(dir, operation);
    if (name.length > NAME_MAX) throw new FsError('ENAMETOOLONG', { operation, path: name });
    if (children.has(name)) throw new FsError('EEXIST', { operation, path: name });
    return children;
  }

  #present(dir: FsNode, name: string, operation: string): MemoryNode {
    const node = this.directory(dir, operation).get(name);
    if (node === undefined) throw new FsError('ENOENT', { operation, path: name });
    return node;
  }
}

function contains(node: MemoryNode, wanted: MemoryNode): boolean {
  return node === wanted || [...(node.children?.values() ?? [])].some((child) => contains(child, wanted));
}

function pruned<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as Partial<T>;
}
