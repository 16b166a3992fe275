import { createHash } from 'node:crypto';
import { encodeFileName } from '@vmcraft/core/binary';
import {
  type FileSystem,
  type FsNode,
  type FsStat,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type SparseFs,
  supports,
  type Timestamp,
  type WritableFs,
  type XattrFs,
} from '@vmcraft/core/contracts';
import { FsError, type FsErrorCode } from '@vmcraft/core/errors';
import { bulkNames, contentOf, type GuestPath, type Operation } from './operations.js';
import type { TreeEntry } from './tree.js';

type FullFs = FileSystem & WritableFs & XattrFs & SparseFs;

const fail = (code: FsErrorCode, path: string): never => {
  throw new FsError(code, { operation: 'walk', path });
};

const stamp = ([sec, nsec]: readonly [number, number]): Timestamp => ({ sec, nsec });
const nanoseconds = (t: Timestamp): string => (BigInt(t.sec) * 1_000_000_000n + BigInt(t.nsec)).toString();

/** Paths over our engine's nodes, just enough for the tests: no links are followed. */
export class Engine {
  readonly fs: FullFs;

  constructor(fs: FileSystem) {
    for (const ability of ['write', 'xattr', 'sparse'] as const) {
      if (!supports(fs, ability)) throw new Error(`the file system lacks '${ability}'`);
    }
    this.fs = fs as FullFs;
  }

  async #walk(path: GuestPath): Promise<FsNode> {
    let at = this.fs.root;
    for (const part of path === '' ? [] : path.split('/')) {
      if (encodeFileName(part).length > 255) {
        if (((await this.fs.stat(at)).mode & S_IFMT) !== S_IFDIR) fail('ENOTDIR', path);
        fail('ENAMETOOLONG', path);
      }
      at = (await this.fs.lookup(at, part)) ?? fail('ENOENT', path);
    }
    return at;
  }

  /** The folder of a path, which must be one, and the name in it: what the VFS looks at before the file system is asked. */
  async #parent(path: GuestPath): Promise<[FsNode, string]> {
    const cut = path.lastIndexOf('/');
    const folder = await this.#walk(path.slice(0, Math.max(0, cut)));
    if (((await this.fs.stat(folder)).mode & S_IFMT) !== S_IFDIR) fail('ENOTDIR', path);
    const name = path.slice(cut + 1);
    if (encodeFileName(name).length > 255) fail('ENAMETOOLONG', path);
    return [folder, name];
  }

  async #rename(from: GuestPath, to: GuestPath): Promise<void> {
    const [fromDir, fromName] = await this.#parent(from);
    const [toDir, toName] = await this.#parent(to);
    if ((await this.fs.lookup(fromDir, fromName)) === undefined) fail('ENOENT', from);
    if (from.startsWith(`${to}/`)) fail('ENOTEMPTY', to);
    await this.fs.rename(fromDir, fromName, toDir, toName);
  }

  async #link(from: GuestPath, to: GuestPath): Promise<void> {
    const node = await this.#walk(from);
    const [dir, name] = await this.#parent(to);
    if ((await this.fs.lookup(dir, name)) !== undefined) fail('EEXIST', to);
    await this.fs.link(node, dir, name);
  }

  /** Apply one operation; gives `OK` or an errno name. Anything but an FsError is thrown on. */
  async apply(operation: Operation): Promise<string> {
    try {
      await this.#run(operation);
      return 'OK';
    } catch (error) {
      if (error instanceof FsError) return error.code;
      throw error;
    }
  }

  async #run(o: Operation): Promise<void> {
    const { fs } = this;
    switch (o.op) {
      case 'create':
        await fs.create(...(await this.#parent(o.path)), { mode: S_IFREG | o.mode, uid: 0, gid: 0 });
        return;
      case 'mkdir':
        await fs.create(...(await this.#parent(o.path)), { mode: S_IFDIR | o.mode, uid: 0, gid: 0 });
        return;
      case 'mknod':
        await fs.create(...(await this.#parent(o.path)), {
          mode: o.mode,
          uid: 0,
          gid: 0,
          rdev: { major: o.major, minor: o.minor },
        });
        return;
      case 'symlink':
        await fs.create(...(await this.#parent(o.path)), { mode: S_IFLNK | 0o777, uid: 0, gid: 0, target: o.target });
        return;
      case 'write':
        return fs.write(await this.#walk(o.path), o.offset, contentOf(o));
      case 'append': {
        const file = await this.#walk(o.path);
        return fs.write(file, (await fs.stat(file)).size, contentOf(o));
      }
      case 'truncate':
        return fs.truncate(await this.#walk(o.path), o.size);
      case 'unlink':
        return fs.unlink(...(await this.#parent(o.path)));
      case 'rmdir':
        return fs.rmdir(...(await this.#parent(o.path)));
      case 'rename':
        return this.#rename(o.path, o.to);
      case 'link':
        return this.#link(o.path, o.to);
      default:
        return this.#runAttributes(o);
    }
  }

  async #runAttributes(o: Operation): Promise<void> {
    const { fs } = this;
    const node = await this.#walk(o.path);
    switch (o.op) {
      case 'chmod':
        return fs.setattr(node, { mode: o.mode });
      case 'chown':
        return fs.setattr(node, { uid: o.uid, gid: o.gid });
      case 'utimens':
        return fs.setattr(node, { atime: stamp(o.atime), mtime: stamp(o.mtime) });
      case 'setxattr':
        return fs.setXattr(node, o.name, Buffer.from(o.value, 'hex'));
      case 'removexattr':
        return fs.removeXattr(node, o.name);
      case 'punch':
        return fs.punchHole(node, o.offset, o.length);
      case 'allocate':
        return fs.allocate(node, o.offset, o.length);
      case 'bulkCreate':
        for (const name of bulkNames(o)) await fs.create(node, name, { mode: S_IFREG | 0o644, uid: 0, gid: 0 });
        return;
      case 'bulkUnlink':
        for (const name of bulkNames(o)) await fs.unlink(node, name);
        return;
      default:
        throw new Error(`unknown operation ${o.op}`);
    }
  }

  /** Everything in the file system, in the form of {@link TreeEntry}. */
  async tree(): Promise<TreeEntry[]> {
    return engineTree(this.fs);
  }
}

/** Everything in `fs`, as the kernel helper lists a mount. */
export async function engineTree(fs: FileSystem): Promise<TreeEntry[]> {
  const out: TreeEntry[] = [];
  const pending: [GuestPath, FsNode][] = [['', fs.root]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [path, node] = next;
    const stat = await fs.stat(node);
    out.push(await entryOf(fs, path, node, stat));
    if ((stat.mode & S_IFMT) !== S_IFDIR) continue;
    for await (const child of fs.readdir(node)) {
      pending.push([path === '' ? child.name : `${path}/${child.name}`, child.node]);
    }
  }
  return sortEntries(out);
}

/** In the order of code points, as Python sorts. */
export function sortEntries(entries: TreeEntry[]): TreeEntry[] {
  const keyed = entries.map((e) => [[...e.path].map((c) => c.codePointAt(0)!), e] as const);
  keyed.sort(([a], [b]) => {
    for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
    return a.length - b.length;
  });
  return keyed.map(([, e]) => e);
}

async function entryOf(fs: FileSystem, path: GuestPath, node: FsNode, stat: FsStat): Promise<TreeEntry> {
  const type = stat.mode & S_IFMT;
  const xattrs: Record<string, string> = {};
  if (supports(fs, 'xattr')) {
    for (const name of [...(await fs.listXattr(node))].sort()) {
      xattrs[name] = Buffer.from((await fs.getXattr(node, name))!).toString('hex');
    }
  }
  return {
    path,
    mode: stat.mode,
    nlink: stat.nlink,
    uid: stat.uid,
    gid: stat.gid,
    atime: nanoseconds(stat.atime),
    mtime: nanoseconds(stat.mtime),
    xattrs,
    ...(type === S_IFREG ? { size: stat.size, digest: await digestOf(fs, node, stat.size) } : {}),
    ...(type === S_IFLNK ? { size: stat.size, target: await fs.readlink(node) } : {}),
    ...(type === S_IFCHR || type === S_IFBLK ? { rdev: [stat.rdev.major, stat.rdev.minor] as const } : {}),
  };
}

const CHUNK = 1024;

async function digestOf(fs: FileSystem, node: FsNode, size: number): Promise<string> {
  const hash = createHash('sha256');
  let done = 0;
  const piece = async (from: number, to: number): Promise<void> => {
    for (let at = Math.max(done, from - (from % CHUNK)); at < to; ) {
      const data = await fs.read(node, at, Math.min(1 << 20, to - at + ((CHUNK - ((to - at) % CHUNK)) % CHUNK)), {
        bulk: true,
      });
      if (data.length === 0) return;
      for (let i = 0; i < data.length; i += CHUNK) {
        const chunk = data.subarray(i, Math.min(data.length, i + CHUNK));
        if (chunk.some((byte) => byte !== 0)) hash.update(`${at + i}:`).update(chunk);
      }
      at += data.length;
      done = at;
    }
  };
  if (!supports(fs, 'sparse')) await piece(0, size);
  else
    for await (const run of fs.extents(node))
      if (run.kind === 'data') await piece(run.offset, Math.min(size, run.offset + run.length));
  return hash.digest('hex');
}
