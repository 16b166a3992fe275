import { type FsStat, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, supports } from '../contracts/index.js';
import { FsError, messageOf } from '../errors/index.js';
import type { Location, OpenedFile, WritableFile } from '../vfs/index.js';
import { writeStream } from './file-content.js';
import type { Session } from './session.js';

/** How cp(1) copies. */
export interface CopyOptions {
  readonly recursive: boolean;
  /** Owners, permissions, times, extended attributes and hard links too (`-a`). */
  readonly preserve: boolean;
}

const PERMISSIONS = 0o7777;

/** Copies files inside the guest as cp(1) does. */
export class TreeCopy {
  /** Where hard-linked objects went, by file system and inode. */
  readonly #links = new Map<unknown, Map<number, string>>();

  constructor(
    private readonly g: Session,
    private readonly options: CopyOptions,
    private readonly action: string,
  ) {}

  /** Copy what is at `src` to `dest`, or into it where it is a directory. */
  async copy(src: string, dest: string): Promise<void> {
    const { vfs } = this.g;
    const from = await vfs.resolve(src, this.action, !this.options.recursive);
    const to = await this.#target(from, dest);
    if ((await from.isDirectory()) && !this.options.recursive) {
      throw new FsError('EISDIR', { operation: this.action, path: src, reason: 'omitting directory' });
    }
    const existing = await vfs.find(to, this.action, false);
    if (existing?.isSame(from) === true) {
      throw new FsError('EINVAL', {
        operation: this.action,
        path: src,
        reason: `'${src}' and '${to}' are the same file`,
      });
    }
    const parent = await this.#parentOf(to);
    if ((await from.isDirectory()) && parent !== undefined && from.contains(parent)) {
      throw new FsError('EINVAL', { operation: this.action, path: src, reason: 'cannot copy a directory into itself' });
    }
    await this.#copyNode(from, to);
  }

  async #parentOf(path: string): Promise<Location | undefined> {
    const slot = await this.g.vfs.slot(path, this.action, 'EEXIST').catch(() => undefined);
    return slot?.dir;
  }

  /** `dest`, or the name within it when it is a directory. */
  async #target(from: Location, dest: string): Promise<string> {
    const existing = await this.g.vfs.find(dest, this.action);
    if (existing === undefined || !(await existing.isDirectory())) return dest;
    if (from.parent === undefined) return existing.path;
    return existing.childPath(from.name);
  }

  async #copyNode(from: Location, to: string): Promise<void> {
    const stat = await this.g.vfs.statAt(from);
    const type = stat.mode & S_IFMT;
    if (this.options.preserve && type !== S_IFDIR && stat.nlink > 1 && (await this.#linkTo(from, to))) return;
    if (type === S_IFDIR) await this.#copyDirectory(from, stat, to);
    else if (type === S_IFREG) await this.#copyFile(from, stat, to);
    else await this.#copySpecial(from, stat, to);
    if (this.options.preserve) await this.#copyAttributes(from, stat, to);
  }

  /** Make a hard link to an earlier copy of the same object. */
  async #linkTo(from: Location, to: string): Promise<boolean> {
    const byIno = this.#links.get(from.mount.fs) ?? new Map<number, string>();
    this.#links.set(from.mount.fs, byIno);
    const earlier = byIno.get(from.node.ino);
    if (earlier === undefined) {
      byIno.set(from.node.ino, to);
      return false;
    }
    await this.#makeRoom(to);
    await this.g.vfs.edit.link(earlier, to, this.action);
    return true;
  }

  async #copyDirectory(from: Location, stat: FsStat, to: string): Promise<void> {
    const { vfs } = this.g;
    const existing = await vfs.find(to, this.action);
    if (existing === undefined) await vfs.edit.mkdir(to, (stat.mode & PERMISSIONS) | 0o700, this.action);
    else if (!(await existing.isDirectory())) {
      throw new FsError('ENOTDIR', { operation: this.action, path: to, reason: 'cannot replace it with a directory' });
    }
    const names: string[] = [];
    for await (const { name } of from.mount.fs.readdir(from.node, { signal: this.g.signal })) names.push(name);
    for (const name of names) {
      const child = await vfs.child(from, name);
      if (child !== undefined) await this.#copyNode(child, `${to}/${name}`);
    }
  }

  async #copyFile(from: Location, stat: FsStat, to: string): Promise<void> {
    const { vfs } = this.g;
    const source = await vfs.openAt(from, this.action, from.path, { signal: this.g.signal });
    const mode = stat.mode & (this.options.preserve ? PERMISSIONS : 0o777);
    const target = await vfs.edit.open(to, { create: mode, truncate: true }, this.action);
    await copyContents(this.g, source, target, this.action);
  }

  async #copySpecial(from: Location, stat: FsStat, to: string): Promise<void> {
    const { edit } = this.g.vfs;
    await this.#makeRoom(to);
    if ((stat.mode & S_IFMT) === S_IFLNK) {
      await edit.symlink(await from.mount.fs.readlink(from.node), to, this.action);
    } else {
      await edit.mknod(to, stat.mode, stat.rdev, this.action);
    }
  }

  async #makeRoom(to: string): Promise<void> {
    const existing = await this.g.vfs.find(to, this.action, false);
    if (existing !== undefined) await this.g.vfs.edit.unlink(to, this.action);
  }

  async #copyAttributes(from: Location, stat: FsStat, to: string): Promise<void> {
    const { vfs } = this.g;
    const target = await vfs.resolve(to, this.action, false);
    const { uid, gid, atime, mtime } = stat;
    // In this order: a new owner drops setuid and file capabilities, a new mode changes the access list.
    await this.#attempt(to, () => vfs.edit.setattrAt(target, { uid, gid }, this.action, to));
    if (!(await target.isLink())) {
      await this.#attempt(to, () => vfs.edit.setattrAt(target, { mode: stat.mode & PERMISSIONS }, this.action, to));
    }
    await copyXattrs(from, target, (message) => this.g.warn({ source: this.action, message }));
    await vfs.edit.setattrAt(target, { atime, mtime }, this.action, to);
  }

  /** A file system without owners or permissions keeps none; cp(1) copies all the same. */
  async #attempt(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof FsError) || (error.code !== 'EPERM' && error.code !== 'ENOTSUP')) throw error;
      this.g.warn({ source: this.action, message: `${path}: not preserved: ${messageOf(error)}` });
    }
  }
}

/** The bytes of a file; holes stay holes. */
export async function copyContents(
  g: Session,
  source: OpenedFile,
  target: WritableFile,
  action: string,
): Promise<void> {
  const { fs } = source.location.mount;
  const { size } = source.stat;
  if (!supports(fs, 'sparse')) {
    await writeStream(g, target, 0, source.stream(), action);
    return;
  }
  for await (const { offset, length, kind } of fs.extents(source.location.node)) {
    if (kind !== 'data' || offset >= size) continue;
    await writeStream(g, target, offset, source.stream(offset, offset + length), action);
  }
  const { size: written } = await g.vfs.statAt(target.location);
  if (written < size) await target.truncate(size);
}

/** Extended attributes, as far as the target can keep them. */
export async function copyXattrs(from: Location, to: Location, warn: (message: string) => void): Promise<void> {
  const source = from.mount.fs;
  const target = to.mount.fs;
  if (!supports(source, 'xattr')) return;
  const names = await source.listXattr(from.node);
  if (names.length === 0) return;
  if (!supports(target, 'xattr')) {
    warn(`${to.path}: extended attributes are not preserved`);
    return;
  }
  for (const name of names) {
    const value = await source.getXattr(from.node, name);
    if (value !== undefined) await target.setXattr(to.node, name, value);
  }
}
