import { encodeUtf16 } from '@vmcraft/core/binary';
import { throwIfAborted } from '@vmcraft/core/block';
import type {
  FsAbility,
  FsIdentity,
  FsNode,
  IoOptions,
  LabelFs,
  NewNode,
  SetAttributes,
  Timestamp,
  WritableFs,
} from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { type Attribute, sizeOf } from './attribute.js';
import type { Bitmap } from './bitmap.js';
import { type FileSystemParts, NtfsFileSystem } from './file-system.js';
import type { Inode } from './inode.js';
import { AttributeType, bootSector, FIRST_USER_RECORD, FileAttribute, MAX_NAME_LENGTH, SystemFile } from './layout.js';
import { Lock } from './lock.js';
import { NameEditor } from './name-edit.js';
import { NtfsNode } from './node.js';
import { PlainRewriter } from './plain-rewrite.js';
import { SecureEditor } from './security/secure-editor.js';
import { InheritedSecurity } from './security/security-source.js';
import { ShortNames } from './short-name.js';
import { nowTicks, toTicks } from './time.js';
import type { Writer } from './writer.js';
import { removeSystemXattr, setSystemXattr, type XattrTarget } from './xattr/system-write.js';
import { parseXattrName } from './xattr/xattr-name.js';

/** A label has at most this many UTF-16 units: $AttrDef, $VOLUME_NAME. */
const MAX_LABEL = 128;
/** Offsets of times in $STANDARD_INFORMATION. */
const TIMES = { btime: 0, mtime: 8, ctime: 16, atime: 24 } as const;
const SERIAL = /^[0-9A-Fa-f]{16}$/;

/** An NTFS volume opened for reading and writing. */
export class NtfsWritableFileSystem extends NtfsFileSystem implements WritableFs, LabelFs {
  override readonly readonly = false;
  override readonly abilities: ReadonlySet<FsAbility> = new Set<FsAbility>([
    'write',
    'xattr',
    'sparse',
    'trim',
    'label',
  ]);
  readonly #writer: Writer;
  readonly #names: NameEditor;
  readonly #plain: PlainRewriter;
  readonly #lock = new Lock();
  readonly #xattrs: XattrTarget;
  readonly #inherited: InheritedSecurity;

  constructor(parts: FileSystemParts, writer: Writer) {
    super(parts);
    this.#writer = writer;
    const secure = new SecureEditor(this.secure, writer);
    this.#inherited = new InheritedSecurity(parts.volume, this.secure, secure);
    this.#names = new NameEditor(writer, parts.options, this.#inherited);
    this.#xattrs = { writer, secure, views: this.#names.views, shortNames: new ShortNames(writer, this.#names) };
    this.#plain = new PlainRewriter(writer, this.content, this.#names.views);
  }

  protected override shared<T>(task: () => Promise<T>): Promise<T> {
    return this.#lock.run(task);
  }

  protected override async clusterMap(): Promise<Bitmap> {
    return this.#writer.clusters.map;
  }

  protected override async recordMap(): Promise<Bitmap> {
    return this.#writer.records.map;
  }

  /** One change at a time. */
  async #change<T>(fsNode: FsNode, operation: string, task: (node: NtfsNode) => Promise<T>): Promise<T> {
    const node = this.own(fsNode, operation);
    return this.#lock.run(async () => {
      await this.#writer.begin();
      const result = await task(node);
      await this.#writer.settle();
      return result;
    });
  }

  create(dir: FsNode, name: string, attributes: NewNode): Promise<FsNode> {
    return this.#change(dir, 'create', async (node) => {
      const inode = await this.#names.create(await this.#writableDirectory(node, 'create'), name, attributes);
      return new NtfsNode(this.volume, inode.number, inode.sequence);
    });
  }

  /** A directory in which names may be changed. */
  async #writableDirectory(node: NtfsNode, operation: string): Promise<Inode> {
    const inode = await this.volume.inode(node);
    if (!inode.isDirectory) throw new FsError('ENOTDIR', { operation });
    if (inode.number === SystemFile.root || inode.number >= FIRST_USER_RECORD) return inode;
    throw new FsError('EPERM', { operation, reason: 'a directory of the system' });
  }

  link(target: FsNode, dir: FsNode, name: string): Promise<void> {
    return this.#change(dir, 'link', async (node) => {
      const inode = await this.volume.inode(this.own(target, 'link'));
      await this.#names.link(inode, await this.#writableDirectory(node, 'link'), name);
    });
  }

  unlink(dir: FsNode, name: string): Promise<void> {
    return this.#change(dir, 'unlink', async (node) => {
      await this.#names.remove(await this.#writableDirectory(node, 'unlink'), name, 'file');
      this.content.forget();
    });
  }

  rmdir(dir: FsNode, name: string): Promise<void> {
    return this.#change(dir, 'rmdir', async (node) =>
      this.#names.remove(await this.#writableDirectory(node, 'rmdir'), name, 'directory'),
    );
  }

  rename(fromDir: FsNode, fromName: string, toDir: FsNode, toName: string): Promise<void> {
    return this.#change(fromDir, 'rename', async (node) => {
      const from = await this.#writableDirectory(node, 'rename');
      const to = await this.#writableDirectory(this.own(toDir, 'rename'), 'rename');
      await this.#names.rename(from, fromName, to, toName);
      this.content.forget();
    });
  }

  /** A file whose contents may be changed. */
  async #writableFile(node: NtfsNode, operation: string): Promise<Inode> {
    const inode = await this.volume.inode(node);
    if (inode.isDirectory && node.stream === '') throw new FsError('EISDIR', { operation });
    if (inode.number >= FIRST_USER_RECORD) return inode;
    throw new FsError('EPERM', { operation, reason: 'a file of the system' });
  }

  write(fsNode: FsNode, offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    return this.#change(fsNode, 'write', async (node) => {
      throwIfAborted(options?.signal, 'write');
      if (!(offset >= 0)) throw new FsError('EINVAL', { operation: 'write' });
      const inode = await this.#writableFile(node, 'write');
      await this.#writeStream(inode, node.stream, offset, data);
    });
  }

  async #writeStream(inode: Inode, name: string, offset: number, data: Uint8Array): Promise<void> {
    const attribute = await this.#plain.open(inode, name, Number.POSITIVE_INFINITY);
    const had = sizeOf(attribute);
    try {
      await this.#writer.attributes.write(inode, attribute, offset, data);
      this.#stampContents(inode);
      await this.#writer.commit(inode);
    } catch (error) {
      // What was taken for it is given back; what was there before stays.
      if (sizeOf(attribute) > had) await this.#writer.attributes.resize(inode, attribute, had, 'write');
      await this.#writer.commit(inode);
      throw error;
    }
  }

  truncate(fsNode: FsNode, size: number): Promise<void> {
    return this.#change(fsNode, 'truncate', async (node) => {
      if (!(size >= 0 && Number.isSafeInteger(size))) throw new FsError('EINVAL', { operation: 'truncate' });
      const inode = await this.#writableFile(node, 'truncate');
      const attribute = await this.#plain.open(inode, node.stream, size);
      await this.#writer.attributes.resize(inode, attribute, size, 'truncate');
      this.#stampContents(inode);
      await this.#writer.commit(inode);
    });
  }

  override punchHole(fsNode: FsNode, offset: number, length: number): Promise<void> {
    return this.#changeRange(fsNode, 'punch_hole', offset, length, (inode, attribute) =>
      this.#writer.attributes.punch(inode, attribute, offset, length),
    );
  }

  override allocate(fsNode: FsNode, offset: number, length: number): Promise<void> {
    return this.#changeRange(fsNode, 'fallocate', offset, length, (inode, attribute) =>
      this.#writer.attributes.allocate(inode, attribute, offset, length),
    );
  }

  #changeRange(
    fsNode: FsNode,
    operation: string,
    offset: number,
    length: number,
    work: (inode: Inode, attribute: Attribute) => Promise<void>,
  ): Promise<void> {
    return this.#change(fsNode, operation, async (node) => {
      if (!(offset >= 0 && length > 0)) throw new FsError('EINVAL', { operation });
      const inode = await this.#writableFile(node, operation);
      await work(inode, await this.#plain.open(inode, node.stream, Number.POSITIVE_INFINITY));
      this.#stampContents(inode);
      await this.#writer.commit(inode);
    });
  }

  #stampContents(inode: Inode): void {
    const now = nowTicks();
    inode.standard.setBigUint64(TIMES.mtime, now, true);
    inode.standard.setBigUint64(TIMES.ctime, now, true);
    inode.fileAttributes |= FileAttribute.archive;
    this.#writer.touchNames(inode);
  }

  setattr(fsNode: FsNode, attributes: SetAttributes): Promise<void> {
    return this.#change(fsNode, 'setattr', async (node) => {
      const inode = await this.volume.inode(node);
      const { standard } = inode;
      const now = nowTicks();
      for (const [key, at] of Object.entries(TIMES)) {
        const time: Timestamp | undefined = attributes[key as keyof typeof TIMES];
        if (time !== undefined) standard.setBigUint64(at, toTicks(time), true);
        else if (key === 'ctime') standard.setBigUint64(at, now, true);
      }
      // Owners and modes are those of the mount; changes of them are silently dropped, as by ntfs-3g.
      this.#writer.touchNames(inode);
    });
  }

  override setXattr(fsNode: FsNode, name: string, value: Uint8Array): Promise<void> {
    return this.#change(fsNode, 'setxattr', async (node) => {
      const inode = await this.#changeable(node, 'setxattr');
      const details = { operation: 'setxattr', path: name };
      const parsed = parseXattrName(name);
      if (parsed === undefined) throw new FsError('ENOTSUP', details);
      if (parsed.kind === 'system') {
        await setSystemXattr(this.#xattrs, inode, parsed.name, value);
        this.#forget();
        return this.#names.stampChange(inode);
      }
      if (parsed.stream.length > MAX_NAME_LENGTH) throw new FsError('ENAMETOOLONG', details);
      await this.#replaceStream(inode, parsed.stream, value);
      this.#names.stampChange(inode);
    });
  }

  /** Give a stream other contents, or leave it as it was. @throws FsError ENOSPC */
  async #replaceStream(inode: Inode, name: string, value: Uint8Array): Promise<void> {
    const { attributes } = this.#writer;
    const old = inode.find(AttributeType.data, name);
    if (old !== undefined) inode.remove(old);
    const stream = inode.add({ type: AttributeType.data, name, value: new Uint8Array(0) });
    try {
      await attributes.write(inode, stream, 0, value);
      await this.#writer.commit(inode);
    } catch (error) {
      await attributes.freeValue(stream);
      inode.remove(stream);
      if (old !== undefined) inode.attributes.push(old);
      inode.attributes.sort((a, b) => a.type - b.type);
      await this.#writer.commit(inode);
      throw error;
    }
    if (old !== undefined) await attributes.freeValue(old);
  }

  override removeXattr(fsNode: FsNode, name: string): Promise<void> {
    return this.#change(fsNode, 'removexattr', async (node) => {
      const inode = await this.#changeable(node, 'removexattr');
      const parsed = parseXattrName(name);
      if (parsed?.kind === 'system') {
        await removeSystemXattr(this.#xattrs, inode, parsed.name);
        this.#forget();
        return this.#names.stampChange(inode);
      }
      const stream = parsed?.kind === 'stream' ? inode.find(AttributeType.data, parsed.stream) : undefined;
      if (stream === undefined) throw new FsError('ENODATA', { operation: 'removexattr', path: name });
      await this.#writer.attributes.freeValue(stream);
      inode.remove(stream);
      this.#names.stampChange(inode);
      await this.#writer.commit(inode);
    });
  }

  /** A descriptor or a reparse point may be another now. */
  #forget(): void {
    this.content.forget();
    this.#inherited.forget();
  }

  /** A file or directory whose attributes may be changed. */
  async #changeable(node: NtfsNode, operation: string): Promise<Inode> {
    const inode = await this.volume.inode(node);
    if (inode.number >= FIRST_USER_RECORD || inode.number === SystemFile.root) return inode;
    throw new FsError('EPERM', { operation, reason: 'a file of the system' });
  }

  setLabel(label: string): Promise<void> {
    return this.#change(this.root, 'set_label', async () => {
      if (label.length > MAX_LABEL || /\0/.test(label))
        throw new FsError('EINVAL', { operation: 'set_label', path: label });
      const inode = await this.volume.mft.load(SystemFile.volume);
      const known = inode.find(AttributeType.volumeName);
      if (known === undefined) inode.add({ type: AttributeType.volumeName, name: '', value: encodeUtf16(label) });
      else known.value = encodeUtf16(label);
      await this.#writer.commit(inode);
      const { label: _, ...rest } = this.identity;
      this.identity = { ...rest, ...(label === '' ? {} : { label }) };
    });
  }

  setUuid(uuid: string): Promise<void> {
    return this.#change(this.root, 'set_uuid', async () => {
      if (!SERIAL.test(uuid)) throw new FsError('EINVAL', { operation: 'set_uuid', path: uuid });
      const at = bootSector.offsetOf('serial');
      const serial = new Uint8Array(8);
      new DataView(serial.buffer).setBigUint64(0, BigInt(`0x${uuid}`), true);
      const { totalSectors, sectorSize } = this.volume.geometry;
      await this.device.write(at, serial);
      // The copy of the boot sector is behind the last sector of the volume.
      const copy = totalSectors * sectorSize;
      if (copy + bootSector.size <= this.device.size) await this.device.write(copy + at, serial);
      this.identity = { ...this.identity, uuid: uuid.toUpperCase() } satisfies FsIdentity;
    });
  }

  sync(): Promise<void> {
    this.own(this.root, 'sync');
    return this.#lock.run(() => this.#writer.sync());
  }

  override async close(): Promise<void> {
    if (this.closed) return;
    try {
      await this.#lock.run(() => this.#writer.sync());
    } finally {
      this.closed = true;
    }
  }
}
