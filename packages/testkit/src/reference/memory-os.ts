import type {
  FileTree,
  FsStat,
  GuestFilesystem,
  GuestView,
  OperatingSystem,
  OsInspector,
  TreeFile,
} from '@vmcraft/core';
import { decodeUtf8, encodeUtf8, S_IFDIR, S_IFLNK, S_IFREG } from '@vmcraft/core';

const MARKER = '/etc/reference-os';
const ZERO = { sec: 0, nsec: 0 };

/** Reference {@link OsInspector}: a marker file holds the name and version. */
export class ReferenceInspector implements OsInspector {
  readonly name = 'reference-os';

  async inspect(view: GuestView, root: string): Promise<OperatingSystem | undefined> {
    const [product, version] = (await (await view.tree(root)).lines(MARKER)) ?? [];
    if (product === undefined) return undefined;
    return {
      root,
      type: { value: 'reference', source: MARKER },
      productName: { value: product, source: MARKER },
      ...(version === undefined ? {} : { versionText: { value: version, source: MARKER } }),
      mountPoints: [{ path: '/', mountable: root, source: root }],
      filesystems: [root],
    };
  }
}

/** What {@link MemoryView} is made from: file contents by absolute path; a value that starts with `-> ` is a symbolic link. */
export type MemoryFileMap = Readonly<Record<string, string | Uint8Array>>;

/** A {@link GuestView} of trees in memory, for testing inspectors without disks. */
export class MemoryView implements GuestView {
  readonly filesystems: readonly GuestFilesystem[];

  constructor(
    private readonly trees: Readonly<Record<string, MemoryFileMap>>,
    facts: readonly (Partial<GuestFilesystem> & { readonly mountable: string })[] = [],
  ) {
    const names = [...new Set([...Object.keys(trees), ...facts.map((f) => f.mountable)])];
    this.filesystems = names.map((mountable) => ({
      mountable,
      type: 'memfs',
      canMount: mountable in trees,
      ...facts.find((f) => f.mountable === mountable),
    }));
  }

  resolveDevice(name: string): string | undefined {
    const generic = name.replace(/^\/dev\/(?:[vhx]|xv)d/, '/dev/sd');
    return this.filesystems.find((f) => f.mountable === generic)?.mountable;
  }

  async tree(mountable: string): Promise<FileTree> {
    return new MemoryTree(new Map(Object.entries(this.trees[mountable] ?? {})));
  }

  async mountedTree(mounts: ReadonlyMap<string, string>): Promise<FileTree> {
    const files = new Map<string, string | Uint8Array>();
    for (const [point, mountable] of mounts) {
      const prefix = point === '/' ? '' : point;
      for (const path of [...files.keys()]) if (prefix !== '' && path.startsWith(`${prefix}/`)) files.delete(path);
      for (const [path, data] of Object.entries(this.trees[mountable] ?? {})) files.set(prefix + path, data);
    }
    return new MemoryTree(files);
  }
}

class MemoryTree implements FileTree {
  constructor(private readonly files: ReadonlyMap<string, string | Uint8Array>) {}

  async exists(path: string): Promise<boolean> {
    return (await this.stat(path)) !== undefined;
  }
  async isFile(path: string): Promise<boolean> {
    return this.#kind(this.#resolve(path)) === S_IFREG;
  }
  async isDir(path: string): Promise<boolean> {
    return this.#kind(this.#resolve(path)) === S_IFDIR;
  }
  async stat(path: string): Promise<FsStat | undefined> {
    return this.lstat(this.#resolve(path));
  }
  async lstat(path: string): Promise<FsStat | undefined> {
    const kind = this.#kind(path);
    if (kind === undefined) return undefined;
    const size = this.#bytes(path)?.length ?? 0;
    const rdev = { major: 0, minor: 0 };
    const times = { atime: ZERO, mtime: ZERO, ctime: ZERO };
    return { ino: 1, mode: kind | 0o755, nlink: 1, uid: 0, gid: 0, rdev, size, blocks: 0, blockSize: 4096, ...times };
  }
  async list(path: string): Promise<readonly string[]> {
    const prefix = `${this.#resolve(path).replace(/\/$/, '')}/`;
    const names = [...this.files.keys()]
      .filter((p) => p.startsWith(prefix))
      .map((p) => p.slice(prefix.length).split('/')[0] as string);
    return [...new Set(names)].sort();
  }
  async readlink(path: string): Promise<string | undefined> {
    const data = this.files.get(path);
    return typeof data === 'string' && data.startsWith('-> ') ? data.slice(3) : undefined;
  }
  async read(path: string, limit = 1 << 20): Promise<Uint8Array | undefined> {
    return this.#bytes(this.#resolve(path))?.slice(0, limit);
  }
  async lines(path: string, limit?: number): Promise<readonly string[] | undefined> {
    const data = await this.read(path, limit);
    return data === undefined ? undefined : decodeUtf8(data).replace(/\n$/, '').split('\n');
  }
  async *stream(path: string): AsyncIterable<Uint8Array> {
    const data = this.#bytes(this.#resolve(path));
    if (data !== undefined) yield data;
  }

  async open(path: string): Promise<TreeFile | undefined> {
    const data = this.#bytes(this.#resolve(path));
    if (data === undefined) return undefined;
    return { size: data.length, read: async (offset, length) => data.slice(offset, offset + length) };
  }

  #bytes(path: string): Uint8Array | undefined {
    const data = this.files.get(path);
    return typeof data === 'string' ? encodeUtf8(data) : data;
  }

  /** Follows links of whole paths and of leading folders, as a real tree would. */
  #resolve(path: string, depth = 0): string {
    if (depth > 40) return '/.loop';
    const parts = path.split('/').filter((p) => p !== '' && p !== '.');
    for (let i = 1; i <= parts.length; i++) {
      const head = `/${parts.slice(0, i).join('/')}`;
      const data = this.files.get(head);
      if (typeof data !== 'string' || !data.startsWith('-> ')) continue;
      const target = data.slice(3);
      const base = target.startsWith('/') ? [] : parts.slice(0, i - 1);
      const joined: string[] = [...base];
      for (const part of target.split('/')) {
        if (part === '..') joined.pop();
        else if (part !== '' && part !== '.') joined.push(part);
      }
      return this.#resolve(`/${[...joined, ...parts.slice(i)].join('/')}`, depth + 1);
    }
    return `/${parts.join('/')}`;
  }

  #kind(path: string): number | undefined {
    const data = this.files.get(path);
    if (data !== undefined) return typeof data === 'string' && data.startsWith('-> ') ? S_IFLNK : S_IFREG;
    const prefix = path === '/' ? '/' : `${path}/`;
    return [...this.files.keys()].some((p) => p.startsWith(prefix)) ? S_IFDIR : undefined;
  }
}
