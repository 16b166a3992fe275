import {
  type FileSystem,
  type FsNode,
  type NewNode,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type SetAttributes,
  supports,
  type WritableFs,
} from '../contracts/index.js';
import { FsError, type FsErrorCode } from '../errors/index.js';
import { applyAttributes, dropCapabilities, guardFlags } from './attributes.js';
import type { Location, Slot } from './location.js';
import { ACL_ACCESS, ACL_DEFAULT, inheritedAcl } from './posix-acl.js';
import type { Vfs } from './vfs.js';

/** Permission bits with setuid, setgid and sticky. */
const MODE_BITS = 0o7777;
const S_ISGID = 0o2000;
const NO_DEVICE = { major: 0, minor: 0 };

/** How to open a file for writing. */
export interface WriteOptions {
  /** Permission bits of a new file before the umask; undefined when it must exist. */
  readonly create?: number;
  readonly truncate?: boolean;
  /** Fail when it exists. */
  readonly exclusive?: boolean;
}

/** A regular file opened for writing. */
export interface WritableFile {
  readonly location: Location;
  /** Size in bytes when it was opened. */
  readonly size: number;
  write(offset: number, data: Uint8Array): Promise<void>;
  truncate(size: number): Promise<void>;
}

/** Changes to the tree. Every call has the semantics of its system call as root on Linux. */
export class VfsEditor {
  constructor(private readonly vfs: Vfs) {}

  /** The write methods of the file system at a location. @throws FsError EROFS */
  writable(location: Location, operation: string, path: string): FileSystem & WritableFs {
    const { fs, readonly } = location.mount;
    if (readonly || fs.readonly || !supports(fs, 'write')) throw new FsError('EROFS', { operation, path });
    return fs;
  }

  /** mkdir(2); `mode` is cut by the umask. @throws FsError EEXIST, ENOENT, EROFS, ENOSPC … */
  async mkdir(path: string, mode: number, operation = 'mkdir'): Promise<Location> {
    const slot = await this.#emptySlot(path, operation, true);
    return this.#create(slot, { mode: S_IFDIR | (mode & 0o1777) }, operation, path);
  }

  /** mknod(2): `mode` has type and permission bits. */
  async mknod(path: string, mode: number, rdev = NO_DEVICE, operation = 'mknod'): Promise<Location> {
    const type = mode & S_IFMT || S_IFREG;
    if (type === S_IFDIR || type === S_IFLNK) throw new FsError('EPERM', { operation, path });
    const slot = await this.#emptySlot(path, operation, false);
    return this.#create(slot, { mode: type | (mode & MODE_BITS), rdev }, operation, path);
  }

  /** symlink(2). The target is stored as it is. */
  async symlink(target: string, path: string, operation = 'symlink'): Promise<Location> {
    if (target === '') throw new FsError('ENOENT', { operation, path, reason: 'empty target' });
    const slot = await this.#emptySlot(path, operation, false);
    return this.#create(slot, { mode: S_IFLNK | 0o777, target }, operation, path);
  }

  /** link(2): a symbolic link is linked itself. */
  async link(existing: string, path: string, operation = 'link'): Promise<void> {
    const from = await this.vfs.resolve(existing, operation, false);
    const slot = await this.#emptySlot(path, operation, false);
    if (from.mount !== slot.dir.mount) throw new FsError('EXDEV', { operation, path });
    const fs = this.writable(slot.dir, operation, path);
    if (await from.isDirectory()) throw new FsError('EPERM', { operation, path: existing, reason: 'a directory' });
    await guardFlags(from, operation, existing, 'change');
    await guardFlags(slot.dir, operation, path, 'add');
    await fs.link(from.node, slot.dir.node, slot.name);
  }

  /** unlink(2). @throws FsError EISDIR for directories */
  async unlink(path: string, operation = 'unlink'): Promise<void> {
    const slot = await this.vfs.slot(path, operation, 'EISDIR');
    await this.unlinkAt(slot, operation, path);
  }

  async unlinkAt(slot: Slot, operation: string, path: string): Promise<void> {
    const existing = await this.#fullSlot(slot, operation, path);
    if (await existing.isDirectory()) throw new FsError('EISDIR', { operation, path });
    if (slot.mustBeDirectory) throw new FsError('ENOTDIR', { operation, path });
    const fs = this.writable(slot.dir, operation, path);
    await guardFlags(existing, operation, path, 'change');
    await guardFlags(slot.dir, operation, path, 'change');
    await fs.unlink(slot.dir.node, slot.name);
    if (await existing.isLink()) this.vfs.forget();
  }

  /** rmdir(2). @throws FsError ENOTEMPTY, ENOTDIR, EBUSY for mount points */
  async rmdir(path: string, operation = 'rmdir'): Promise<void> {
    const slot = await this.vfs.slot(path, operation, 'EBUSY');
    await this.rmdirAt(slot, operation, path);
  }

  async rmdirAt(slot: Slot, operation: string, path: string): Promise<void> {
    const existing = await this.#fullSlot(slot, operation, path);
    if (!(await existing.isDirectory())) throw new FsError('ENOTDIR', { operation, path });
    if (existing.mount !== slot.dir.mount) throw new FsError('EBUSY', { operation, path, reason: 'a mount point' });
    const fs = this.writable(slot.dir, operation, path);
    await guardFlags(existing, operation, path, 'change');
    await guardFlags(slot.dir, operation, path, 'change');
    await fs.rmdir(slot.dir.node, slot.name);
    this.vfs.forget();
  }

  /** rename(2). @throws FsError EXDEV, EBUSY, EINVAL, EISDIR, ENOTDIR, ENOTEMPTY */
  async rename(from: string, to: string, operation = 'rename'): Promise<void> {
    const source = await this.vfs.slot(from, operation, 'EBUSY');
    const target = await this.vfs.slot(to, operation, 'EBUSY');
    const moved = await this.#fullSlot(source, operation, from);
    const isDirectory = await moved.isDirectory();
    if (!isDirectory && (source.mustBeDirectory || target.mustBeDirectory)) throw fail('ENOTDIR', operation, from);
    if (source.dir.mount !== target.dir.mount) throw fail('EXDEV', operation, to);
    const fs = this.writable(source.dir, operation, from);
    if (moved.mount !== source.dir.mount) throw fail('EBUSY', operation, from);
    if (isDirectory && moved.contains(target.dir)) throw fail('EINVAL', operation, to);
    const { existing } = target;
    if (existing !== undefined) {
      const onlyCaseDiffers =
        fs.caseInsensitive && source.dir.isSame(target.dir) && source.name !== target.name && existing.isSame(moved);
      if (existing.isSame(moved) && !onlyCaseDiffers) return;
      await checkReplace(existing, source, isDirectory, operation, to);
    }
    await guardFlags(moved, operation, from, 'change');
    await guardFlags(source.dir, operation, from, 'change');
    await guardFlags(target.dir, operation, to, existing === undefined ? 'add' : 'change');
    await fs.rename(source.dir.node, source.name, target.dir.node, target.name);
    this.vfs.forget();
  }

  /** chmod, chown and times of what is at a path. */
  async setattr(path: string, attributes: SetAttributes, operation: string, follow = true): Promise<void> {
    const location = await this.vfs.resolve(path, operation, follow);
    await this.setattrAt(location, attributes, operation, path);
  }

  async setattrAt(location: Location, attributes: SetAttributes, operation: string, path: string): Promise<void> {
    const fs = this.writable(location, operation, path);
    await guardFlags(location, operation, path, 'change');
    await applyAttributes(fs, location.node, attributes);
  }

  /** open(2) for writing; a link at the end is followed. @throws FsError EISDIR, ENOENT, EEXIST, EROFS … */
  async open(path: string, options: WriteOptions, operation = 'open'): Promise<WritableFile> {
    const slot = await this.#openSlot(path, options, operation);
    const fs = this.writable(slot.dir, operation, path);
    let location = slot.existing;
    if (location === undefined) {
      const mode = S_IFREG | ((options.create ?? 0) & MODE_BITS);
      location = await this.#create(slot, { mode }, operation, path);
      return this.#file(fs, location, 0);
    }
    const target = this.writable(location, operation, path);
    await guardFlags(location, operation, path, options.truncate === true ? 'change' : 'add');
    const { size } = await target.stat(location.node);
    await dropCapabilities(target, location.node);
    if (options.truncate === true && size > 0) await target.truncate(location.node, 0);
    return this.#file(target, location, options.truncate === true ? 0 : size);
  }

  async #openSlot(path: string, options: WriteOptions, operation: string): Promise<Slot> {
    const slot = await this.vfs.slot(path, operation, 'EISDIR', options.exclusive !== true);
    const { existing } = slot;
    if (existing === undefined) {
      if (options.create === undefined) throw fail('ENOENT', operation, path);
      if (slot.mustBeDirectory) throw fail('EISDIR', operation, path);
      return slot;
    }
    if (options.exclusive === true) throw fail('EEXIST', operation, path);
    const type = await existing.type();
    if (type === S_IFDIR) throw fail('EISDIR', operation, path);
    if (slot.mustBeDirectory) throw fail('ENOTDIR', operation, path);
    if (type !== S_IFREG) throw new FsError('ENOTSUP', { operation, path, reason: 'not a regular file' });
    return slot;
  }

  #file(fs: FileSystem & WritableFs, location: Location, size: number): WritableFile {
    return {
      location,
      size,
      write: (offset, data) => fs.write(location.node, offset, data, { bulk: true }),
      truncate: (length) => fs.truncate(location.node, length),
    };
  }

  async #emptySlot(path: string, operation: string, isDirectory: boolean): Promise<Slot> {
    const slot = await this.vfs.slot(path, operation, 'EEXIST');
    if (slot.existing !== undefined) throw fail('EEXIST', operation, path);
    if (slot.mustBeDirectory && !isDirectory) throw fail('ENOENT', operation, path);
    return slot;
  }

  async #fullSlot(slot: Slot, operation: string, path: string): Promise<Location> {
    if (slot.existing === undefined) throw fail('ENOENT', operation, path);
    return slot.existing;
  }

  /** Make an object with what it inherits: the group of a setgid directory, and default access control lists. */
  async #create(slot: Slot, wanted: NewNode, operation: string, path: string): Promise<Location> {
    const { dir, name } = slot;
    const fs = this.writable(dir, operation, path);
    await guardFlags(dir, operation, path, 'add');
    const parent = await fs.stat(dir.node);
    const type = wanted.mode & S_IFMT;
    const acl = type === S_IFLNK ? undefined : await inheritedAcl(fs, dir.node, wanted.mode & MODE_BITS);
    let mode = acl?.mode ?? wanted.mode & MODE_BITS & (type === S_IFLNK ? MODE_BITS : ~this.vfs.umask);
    const inheritsGroup = (parent.mode & S_ISGID) !== 0;
    if (inheritsGroup && type === S_IFDIR) mode |= S_ISGID;
    const gid = inheritsGroup ? parent.gid : 0;
    const node = await fs.create(dir.node, name, { ...wanted, mode: type | mode, uid: 0, gid });
    if (acl !== undefined) await giveAcl(fs, node, acl, type);
    const made = await this.vfs.child(dir, name);
    if (made === undefined) throw fail('EIO', operation, path);
    return made;
  }
}

async function giveAcl(
  fs: FileSystem & WritableFs,
  node: FsNode,
  acl: { access: Uint8Array | undefined; fallback: Uint8Array },
  type: number,
): Promise<void> {
  if (!supports(fs, 'xattr')) return;
  if (type === S_IFDIR) await fs.setXattr(node, ACL_DEFAULT, acl.fallback);
  if (acl.access !== undefined) await fs.setXattr(node, ACL_ACCESS, acl.access);
}

/** Whether the target of a rename may be replaced. */
async function checkReplace(existing: Location, source: Slot, isDirectory: boolean, operation: string, to: string) {
  const replacesDirectory = await existing.isDirectory();
  if (replacesDirectory && !isDirectory) throw fail('EISDIR', operation, to);
  if (!replacesDirectory && isDirectory) throw fail('ENOTDIR', operation, to);
  if (existing.mount !== source.dir.mount) throw fail('EBUSY', operation, to);
  if (replacesDirectory && existing.contains(source.dir)) throw fail('ENOTEMPTY', operation, to);
}

function fail(code: FsErrorCode, operation: string, path: string): FsError {
  return new FsError(code, { operation, path });
}
