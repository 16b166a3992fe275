import {
  type BlockDevice,
  CapabilityError,
  type DirEntry,
  decodeFileName,
  type FileSystem,
  type FileType,
  type FsAbility,
  FsError,
  type FsIdentity,
  type FsNode,
  type FsStat,
  type FsStatvfs,
  type NewNode,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type SetAttributes,
  type Timestamp,
  toHex,
  type WritableFs,
  type XattrFs,
} from '@vmcraft/core';
import type { Appliance } from './appliance.js';
import type { Wire } from './codec.js';
import { type Argument, asText } from './library.js';
import { type ApplianceNode, NodeTable, pathOf } from './node.js';
import { fieldsOf, numberOf, statOf, statvfsOf } from './stat.js';

/** Messages between the library and its appliance hold 4 MiB; this leaves room for the rest. */
const CHUNK = 2 << 20;
/** Entries of a directory that are asked about at once. */
const BATCH = 512;
/** Where the appliance has the guest's files, for commands of its own. */
const SYSROOT = '/sysroot';
/** `UTIME_OMIT` of guestfs(3) `utimens`. */
const KEEP = -2;
const PERMISSIONS = 0o7777;

const here = (node: FsNode): ApplianceNode => node as ApplianceNode;
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** A file system that the appliance has mounted. */
export class ApplianceFileSystem implements FileSystem, WritableFs, XattrFs {
  readonly caseInsensitive = false;
  readonly abilities: ReadonlySet<FsAbility>;
  readonly #nodes = new NodeTable();
  readonly root: ApplianceNode;
  readonly #dev: number;
  /** Counts changes: what was known of files before one may be wrong after it. */
  #generation = 0;
  #closed: Promise<void> | undefined;

  constructor(
    private readonly appliance: Appliance,
    private readonly place: string,
    readonly device: BlockDevice,
    readonly identity: FsIdentity,
    readonly readonly: boolean,
    root: ReturnType<typeof statOf>,
  ) {
    this.abilities = new Set<FsAbility>(readonly ? ['xattr'] : ['write', 'xattr']);
    this.#dev = root.dev;
    this.root = { ino: root.ino, parent: undefined, name: '' };
  }

  async lookup(dir: FsNode, name: string): Promise<FsNode | undefined> {
    if (name === '' || name === '.' || name === '..' || name.includes('/')) return undefined;
    await this.#directory(dir, 'lookup');
    try {
      return this.#seen(here(dir), name, await this.#call('lstatns', [this.#path(dir, name)]));
    } catch (error) {
      if (error instanceof FsError && (error.code === 'ENOENT' || error.code === 'ENAMETOOLONG')) return undefined;
      throw error;
    }
  }

  async stat(node: FsNode): Promise<FsStat> {
    const { known } = here(node);
    if (known !== undefined && known.generation === this.#generation) return known.stat;
    const { dev: _dev, ...stat } = statOf(await this.#call('lstatns', [this.#path(node)]));
    return this.#remember(here(node), { ...stat, ino: node.ino });
  }

  async *readdir(dir: FsNode): AsyncGenerator<DirEntry> {
    await this.#directory(dir, 'readdir');
    const entries = (await this.#call('readdir', [this.#path(dir)]))
      .map((entry) => fieldsOf(entry as readonly Wire[]))
      .map((fields) => ({ name: decodeFileName(fields.get('name') as Uint8Array), type: typeOf(fields.get('ftyp')) }))
      .filter(({ name }) => name !== '.' && name !== '..');
    for (let at = 0; at < entries.length; at += BATCH) {
      const batch = entries.slice(at, at + BATCH);
      const stats = await this.#call('lstatnslist', [this.#path(dir), batch.map(({ name }) => name)]);
      for (const [i, { name, type }] of batch.entries()) {
        const stat = stats[i] as readonly Wire[];
        // Gone since the directory was read.
        if (stat === undefined || numberOf(fieldsOf(stat), 'st_ino') === -1) continue;
        yield { name, type, node: this.#seen(here(dir), name, stat) };
      }
    }
  }

  async read(node: FsNode, offset: number, length: number): Promise<Uint8Array> {
    const { mode, size } = await this.stat(node);
    if ((mode & S_IFMT) === S_IFDIR) throw new FsError('EISDIR', { operation: 'read' });
    if ((mode & S_IFMT) !== S_IFREG) throw new FsError('EINVAL', { operation: 'read' });
    const end = Math.min(offset + length, size);
    if (offset >= end) return new Uint8Array(0);
    const out = new Uint8Array(end - offset);
    let done = 0;
    while (done < out.length) {
      const count = Math.min(CHUNK, out.length - done);
      const [bytes] = await this.#call('pread', [this.#path(node), count, offset + done]);
      const piece = bytes as Uint8Array;
      if (piece.length === 0) break;
      out.set(piece, done);
      done += piece.length;
    }
    return out.subarray(0, done);
  }

  async readlink(node: FsNode): Promise<string> {
    if (((await this.stat(node)).mode & S_IFMT) !== S_IFLNK) throw new FsError('EINVAL', { operation: 'readlink' });
    const [target] = await this.#call('readlink', [this.#path(node)]);
    return decodeFileName(target as Uint8Array);
  }

  async statfs(): Promise<FsStatvfs> {
    return statvfsOf(await this.#call('statvfs', [this.#path(this.root)]));
  }

  async create(dir: FsNode, name: string, attributes: NewNode): Promise<FsNode> {
    await this.#directory(dir, 'create');
    const path = this.#path(dir, name);
    const { mode, uid, gid, rdev = { major: 0, minor: 0 }, target = '' } = attributes;
    const type = mode & S_IFMT;
    if (type === S_IFLNK) await this.#change('ln_s', [target, path]);
    else if (type === S_IFDIR) await this.#change('mkdir', [path]);
    else await this.#change('mknod', [mode, rdev.major, rdev.minor, path]);
    if (uid !== undefined || gid !== undefined) await this.#change('lchown', [uid ?? 0, gid ?? 0, path]);
    // Last, as a change of owner takes setuid away; the appliance has a umask besides.
    if (type !== S_IFLNK) await this.#change('chmod', [mode & PERMISSIONS, path]);
    return (await this.lookup(dir, name))!;
  }

  async link(node: FsNode, dir: FsNode, name: string): Promise<void> {
    if (((await this.stat(node)).mode & S_IFMT) === S_IFDIR) throw new FsError('EPERM', { operation: 'link' });
    // ln(1), which the appliance runs, would put the name into a directory of that name.
    if ((await this.lookup(dir, name)) !== undefined) throw new FsError('EEXIST', { operation: 'link', path: name });
    await this.#change('ln', [this.#path(node), this.#path(dir, name)]);
  }

  async unlink(dir: FsNode, name: string): Promise<void> {
    const node = await this.#existing(dir, name, 'unlink');
    if (((await this.stat(node)).mode & S_IFMT) === S_IFDIR)
      throw new FsError('EISDIR', { operation: 'unlink', path: name });
    await this.#change('rm', [this.#path(dir, name)]);
  }

  async rmdir(dir: FsNode, name: string): Promise<void> {
    await this.#existing(dir, name, 'rmdir');
    await this.#change('rmdir', [this.#path(dir, name)]);
  }

  async rename(fromDir: FsNode, fromName: string, toDir: FsNode, toName: string): Promise<void> {
    const node = await this.#existing(fromDir, fromName, 'rename');
    await this.#directory(toDir, 'rename');
    await this.#change('rename', [this.#path(fromDir, fromName), this.#path(toDir, toName)]);
    const held = this.#nodes.held(node.ino);
    if (held !== undefined) Object.assign(held, { parent: here(toDir), name: toName });
  }

  async write(node: FsNode, offset: number, data: Uint8Array): Promise<void> {
    const type = (await this.stat(node)).mode & S_IFMT;
    if (type === S_IFDIR) throw new FsError('EISDIR', { operation: 'write' });
    if (type !== S_IFREG) throw new FsError('EINVAL', { operation: 'write' });
    for (let done = 0; done < data.length; ) {
      const piece = data.subarray(done, done + CHUNK);
      const [written] = await this.#change('pwrite', [this.#path(node), piece, offset + done]);
      done += Number(asText(written));
    }
  }

  async truncate(node: FsNode, size: number): Promise<void> {
    if (((await this.stat(node)).mode & S_IFMT) !== S_IFREG) throw new FsError('EINVAL', { operation: 'truncate' });
    await this.#change('truncate_size', [this.#path(node), size]);
  }

  async setattr(node: FsNode, attributes: SetAttributes): Promise<void> {
    const { mode, uid, gid, atime, mtime } = attributes;
    const path = this.#path(node);
    const before = await this.stat(node);
    const isLink = (before.mode & S_IFMT) === S_IFLNK;
    if (uid !== undefined || gid !== undefined)
      await this.#change('lchown', [uid ?? before.uid, gid ?? before.gid, path]);
    // A link has no permissions of its own, and the appliance would change those of what it points to.
    if (mode !== undefined && !isLink) await this.#change('chmod', [mode & PERMISSIONS, path]);
    if (atime !== undefined || mtime !== undefined) await this.#change('utimens', [path, ...at(atime), ...at(mtime)]);
  }

  async sync(): Promise<void> {
    await this.#call('sync');
  }

  async listXattr(node: FsNode): Promise<readonly string[]> {
    const list = await this.#call('lgetxattrs', [this.#path(node)]);
    return list.map((entry) => decodeFileName(fieldsOf(entry as readonly Wire[]).get('attrname') as Uint8Array));
  }

  async getXattr(node: FsNode, name: string): Promise<Uint8Array | undefined> {
    try {
      const [value] = await this.#call('lgetxattr', [this.#path(node), name]);
      return value as Uint8Array;
    } catch (error) {
      if (error instanceof FsError && error.code === 'ENODATA') return undefined;
      throw error;
    }
  }

  async setXattr(node: FsNode, name: string, value: Uint8Array): Promise<void> {
    const path = this.#path(node);
    if (!value.includes(0)) {
      await this.#change('lsetxattr', [name, value, value.length, path]);
      return;
    }
    // The library takes the value as text that ends at the first zero; the appliance has setfattr(1), which does not.
    const words = ['setfattr', '-h', '-n', quote(name), '-v', `0x${toHex(value)}`, '--', quote(`${SYSROOT}${path}`)];
    await this.#change('debug', ['sh', words]);
  }

  async removeXattr(node: FsNode, name: string): Promise<void> {
    await this.#change('lremovexattr', [name, this.#path(node)]);
  }

  close(): Promise<void> {
    this.#closed ??= this.appliance.umount(this.place);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #path(node: FsNode, name?: string): string {
    const path = `${this.place}${pathOf(here(node))}`;
    return name === undefined ? path : `${path}/${name}`;
  }

  #call(name: string, args: readonly Argument[] = []): Promise<readonly Wire[]> {
    if (this.#closed !== undefined)
      throw new FsError('EBADF', { operation: name, reason: 'the file system is closed' });
    return this.appliance.call(name, args);
  }

  async #change(name: string, args: readonly Argument[]): Promise<readonly Wire[]> {
    if (this.readonly) throw CapabilityError.readOnly(this.place);
    this.#generation += 1;
    try {
      return await this.#call(name, args);
    } finally {
      this.#generation += 1;
    }
  }

  #remember(node: ApplianceNode, stat: FsStat): FsStat {
    node.known = { stat, generation: this.#generation };
    return stat;
  }

  #seen(parent: ApplianceNode, name: string, value: readonly Wire[]): ApplianceNode {
    const { dev, ...stat } = statOf(value);
    const ino = dev === this.#dev ? stat.ino : this.#nodes.foreign(dev, stat.ino);
    const node = this.#nodes.at(parent, name, ino);
    this.#remember(node, { ...stat, ino });
    return node;
  }

  async #existing(dir: FsNode, name: string, operation: string): Promise<FsNode> {
    const node = await this.lookup(dir, name);
    if (node === undefined) throw new FsError('ENOENT', { operation, path: name });
    return node;
  }

  /** The kernel would follow a link in the place of a directory; a node that is none ends here. */
  async #directory(node: FsNode, operation: string): Promise<void> {
    if (((await this.stat(node)).mode & S_IFMT) !== S_IFDIR) throw new FsError('ENOTDIR', { operation });
  }
}

const at = (time: Timestamp | undefined): [number, number] => (time === undefined ? [0, KEEP] : [time.sec, time.nsec]);

function typeOf(value: Wire | undefined): FileType {
  const letter = asText(value);
  return 'bcdflrsu'.includes(letter) && letter !== '' ? (letter as FileType) : 'u';
}
