import type {
  BlockCodecs,
  BlockDevice,
  DirEntry,
  FileSystem,
  FileType,
  FsAbility,
  FsIdentity,
  FsNode,
  FsStat,
  FsStatvfs,
  IoOptions,
} from '@vmcraft/core/contracts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { readSpan, type Section } from './directory-record.js';
import type { Found, Hierarchy } from './hierarchy.js';
import type { Volume } from './volume.js';
import { checkZisofsHeader, inflateWith, readZisofsBlock } from './zisofs.js';

/** Unpacked blocks that are kept, so that small reads in a row unpack each once. */
const MAX_BLOCKS = 8;
/** Directories whose names are held for looking up, and names of each; larger ones are searched as they lie. */
const MAX_DIRECTORIES = 64;
const MAX_NAMES = 16_384;
/** Permissions where the disc has none, as Linux gives them. */
const DEFAULT_PERMISSIONS = 0o555;
const LETTERS: Readonly<Record<number, FileType>> = {
  [S_IFBLK]: 'b',
  [S_IFCHR]: 'c',
  [S_IFDIR]: 'd',
  [S_IFIFO]: 'f',
  [S_IFLNK]: 'l',
  [S_IFREG]: 'r',
  [S_IFSOCK]: 's',
};

class IsoNode implements FsNode {
  constructor(readonly found: Found) {}

  /** The number of a directory is where it lies, so that it is the same from its parent and from itself. */
  get ino(): number {
    const { serial, isDirectory, sections, offset } = this.found;
    return serial || (isDirectory ? sections[0]!.start : offset);
  }

  /** Type and permissions. What the record says of being a directory counts, whatever Rock Ridge says. */
  get mode(): number {
    const { rockRidge, isDirectory } = this.found;
    const mode = rockRidge.mode ?? DEFAULT_PERMISSIONS;
    if (isDirectory) return S_IFDIR | (mode & 0o7777);
    const kind = mode & S_IFMT;
    return (kind === 0 || kind === S_IFDIR ? S_IFREG : kind) | (mode & 0o7777);
  }

  /** Bytes of the contents as they are stored. */
  get stored(): number {
    return this.found.sections.reduce((total, { length }) => total + length, 0);
  }

  get size(): number {
    const { zisofs, target } = this.found.rockRidge;
    return zisofs?.size ?? (target !== undefined ? new TextEncoder().encode(target).length : this.stored);
  }
}

/** An ISO 9660 volume opened for reading. */
export class IsoFileSystem implements FileSystem {
  readonly readonly = true;
  readonly caseInsensitive = false;
  readonly abilities: ReadonlySet<FsAbility> = new Set();
  readonly root: FsNode;
  readonly #inflate: BlockCodecs['inflate'];
  readonly #blocks = new Map<string, Uint8Array>();
  readonly #names = new Map<number, ReadonlyMap<string, Found>>();
  readonly #checked = new WeakSet<Found>();
  #closed = false;

  constructor(
    readonly device: BlockDevice,
    readonly identity: FsIdentity,
    private readonly volume: Volume,
    private readonly hierarchy: Hierarchy,
    codecs: BlockCodecs | undefined,
  ) {
    this.root = new IsoNode(hierarchy.root);
    this.#inflate = inflateWith(codecs);
  }

  async lookup(dir: FsNode, name: string): Promise<FsNode | undefined> {
    const { found, ino } = this.#node(dir, 'lookup');
    if (!found.isDirectory) throw new FsError('ENOTDIR', { operation: 'lookup' });
    const held = this.#names.get(ino);
    if (held !== undefined) return nodeOf(held.get(name));
    const names = new Map<string, Found>();
    for await (const child of this.hierarchy.list(found.sections[0]!)) {
      // Of two objects of one name the first counts.
      if (!names.has(child.name)) names.set(child.name, child);
      if (names.size > MAX_NAMES) return this.#search(found, name);
    }
    const [oldest] = this.#names.keys();
    if (this.#names.size >= MAX_DIRECTORIES && oldest !== undefined) this.#names.delete(oldest);
    this.#names.set(ino, names);
    return nodeOf(names.get(name));
  }

  async #search(directory: Found, name: string): Promise<FsNode | undefined> {
    for await (const child of this.hierarchy.list(directory.sections[0]!)) {
      if (child.name === name) return new IsoNode(child);
    }
    return undefined;
  }

  async stat(node: FsNode): Promise<FsStat> {
    const iso = this.#node(node, 'stat');
    const { rockRidge: rr, entry } = iso.found;
    const mtime = rr.mtime ?? entry.recorded;
    return {
      ino: iso.ino,
      mode: iso.mode,
      nlink: rr.links ?? 1,
      uid: rr.uid ?? 0,
      gid: rr.gid ?? 0,
      rdev: rr.rdev ?? { major: 0, minor: 0 },
      size: iso.size,
      blocks: Math.ceil(iso.stored / 512),
      blockSize: this.volume.blockSize,
      mtime,
      atime: rr.atime ?? mtime,
      ctime: rr.ctime ?? mtime,
      ...(rr.btime === undefined ? {} : { btime: rr.btime }),
    };
  }

  async *readdir(dir: FsNode): AsyncIterable<DirEntry> {
    const { found } = this.#node(dir, 'readdir');
    if (!found.isDirectory) throw new FsError('ENOTDIR', { operation: 'readdir' });
    for await (const child of this.hierarchy.list(found.sections[0]!)) {
      const node = new IsoNode(child);
      yield { name: child.name, node, type: LETTERS[node.mode & S_IFMT] ?? 'u' };
    }
  }

  async read(node: FsNode, offset: number, length: number, options: IoOptions = {}): Promise<Uint8Array> {
    const iso = this.#node(node, 'read');
    if (iso.found.isDirectory) throw new FsError('EISDIR', { operation: 'read' });
    if ((iso.mode & S_IFMT) !== S_IFREG) throw new FsError('EINVAL', { operation: 'read' });
    if (iso.found.rockRidge.refused !== undefined) throw iso.found.rockRidge.refused;
    const end = Math.min(offset + length, iso.size);
    if (end <= offset) return new Uint8Array(0);
    if (iso.found.rockRidge.zisofs !== undefined) return this.#readPacked(iso.found, offset, end);
    return this.#readStored(iso.found.sections, offset, end - offset, options.bulk === true);
  }

  async readlink(node: FsNode): Promise<string> {
    const { found } = this.#node(node, 'readlink');
    if (found.rockRidge.target === undefined) throw new FsError('EINVAL', { operation: 'readlink' });
    return found.rockRidge.target;
  }

  async statfs(): Promise<FsStatvfs> {
    this.#node(this.root, 'statfs');
    const { blockSize, blocks } = this.volume;
    const none = { blocksFree: 0, blocksAvailable: 0, files: 0, filesFree: 0 };
    return { blockSize, fragmentSize: blockSize, blocks, ...none, fsid: 0n, nameMax: 255 };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#blocks.clear();
    this.#names.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #node(node: FsNode, operation: string): IsoNode {
    if (this.#closed) throw new FsError('EBADF', { operation, reason: 'file system is closed' });
    return node as IsoNode;
  }

  /** Up to `length` bytes of the stored contents. */
  async #readStored(sections: readonly Section[], offset: number, length: number, bulk: boolean): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let before = 0;
    let left = length;
    for (const { start, length: size } of sections) {
      const within = Math.max(0, offset - before);
      before += size;
      if (within >= size || left === 0) continue;
      const count = Math.min(left, size - within);
      parts.push(await readSpan(this.device, start + within, count, bulk));
      left -= count;
      offset += count;
    }
    return joined(parts);
  }

  async #readPacked(found: Found, offset: number, end: number): Promise<Uint8Array> {
    const { blockSize } = found.rockRidge.zisofs!;
    const out = new Uint8Array(end - offset);
    for (let index = Math.floor(offset / blockSize); index * blockSize < end; index++) {
      const block = await this.#block(found, index);
      const from = Math.max(offset, index * blockSize);
      const part = block.subarray(from - index * blockSize, end - index * blockSize);
      out.set(part, from - offset);
    }
    return out;
  }

  async #block(found: Found, index: number): Promise<Uint8Array> {
    const key = `${found.offset}:${index}`;
    const known = this.#blocks.get(key);
    if (known !== undefined) return known;
    const zisofs = found.rockRidge.zisofs!;
    const read = (offset: number, length: number): Promise<Uint8Array> =>
      this.#readStored(found.sections, offset, length, false);
    if (!this.#checked.has(found)) await checkZisofsHeader(zisofs, read);
    this.#checked.add(found);
    const block = await readZisofsBlock(zisofs, index, read, this.#inflate);
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size >= MAX_BLOCKS && oldest !== undefined) this.#blocks.delete(oldest);
    this.#blocks.set(key, block);
    return block;
  }
}

const nodeOf = (found: Found | undefined): IsoNode | undefined =>
  found === undefined ? undefined : new IsoNode(found);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const out = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
