import { type NewNode, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '@vmcraft/core/contracts';
import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import type { Attribute } from './attribute.js';
import { directoryIndex, type FoundName, findName } from './directory.js';
import { readReparse, specialFile } from './file-content.js';
import { displayName, parentOf, requireFileName } from './file-name.js';
import type { IndexEditor } from './index-edit.js';
import { type Inode, recordOf } from './inode.js';
import { AttributeType, FIRST_USER_RECORD, FileAttribute, Namespace, RecordFlag, SystemFile } from './layout.js';
import type { MountOptions } from './mount-options.js';
import { attributeOfEntry, fillCopies, makeEntry, makeFileName, requireName, twinOf } from './name-record.js';
import { newIndexRoot, newStandardInformation, type SecuritySource } from './new-file.js';
import { encodeLink, encodeReparse } from './reparse.js';
import { encodeInterix } from './special-file.js';
import { nowTicks } from './time.js';
import { ViewIndexes } from './view-index.js';
import type { Writer } from './writer.js';

/** Names that one file may have; Windows has this limit. */
const MAX_LINKS = 1024;
/** Directories on the way to the root. */
const MAX_DEPTH = 4096;

/** Changes to directories: making, linking, removing and renaming. */
export class NameEditor {
  readonly views: ViewIndexes;

  constructor(
    private readonly writer: Writer,
    private readonly options: MountOptions,
    private readonly security: SecuritySource,
  ) {
    this.views = new ViewIndexes(writer);
    writer.syncNames = (inode) => this.syncNames(inode);
  }

  #editor(directory: Inode, operation: string): IndexEditor {
    return this.writer.editor(directoryIndex(this.writer.volume, directory, operation));
  }

  get #clusterSize(): number {
    return this.writer.volume.geometry.clusterSize;
  }

  async #find(directory: Inode, name: string, operation: string): Promise<FoundName | undefined> {
    return findName(directoryIndex(this.writer.volume, directory, operation), name, operation);
  }

  async #require(directory: Inode, name: string, operation: string): Promise<{ found: FoundName; inode: Inode }> {
    const found = await this.#find(directory, name, operation);
    if (found === undefined) throw new FsError('ENOENT', { operation, path: name });
    const { record } = found.entry;
    if (record < FIRST_USER_RECORD) throw new FsError('EPERM', { operation, path: name, reason: 'a system file' });
    return { found, inode: await this.writer.volume.mft.load(record) };
  }

  /** Make an object. @throws FsError */
  async create(directory: Inode, name: string, attributes: NewNode): Promise<Inode> {
    requireName(name, 'create', this.options.windowsNames);
    const details = { operation: 'create', path: name };
    if ((await this.#find(directory, name, 'create')) !== undefined) throw new FsError('EEXIST', details);
    const type = attributes.mode & S_IFMT;
    const contents = this.#contents(type, attributes);
    const editor = this.#editor(directory, 'create');
    const inode = await this.writer.records.allocateInode();
    try {
      await this.#fill(inode, directory, type, contents);
      await this.addName(inode, directory, editor, name);
    } catch (error) {
      await this.#discard(inode);
      throw error;
    }
    const tag = type === S_IFLNK ? (await readReparse(this.writer.volume, inode))?.tag : undefined;
    if (tag !== undefined) await this.views.addReparse(inode, tag);
    this.#stampDirectory(directory);
    return inode;
  }

  /** Data of a new file that is not an ordinary one: a reparse point, or contents of a system file. */
  #contents(type: number, attributes: NewNode): { reparse?: Uint8Array; data?: Uint8Array } {
    if (type === S_IFREG || type === 0 || type === S_IFDIR) return {};
    const target = attributes.target ?? '';
    if (type === S_IFLNK && this.options.links !== 'interix') {
      return { reparse: encodeReparse(encodeLink(target, this.options.links)) };
    }
    const data = encodeInterix(type, attributes.rdev, target);
    if (data === undefined) throw new FsError('ENOTSUP', { operation: 'create' });
    return { data };
  }

  async #fill(
    inode: Inode,
    parent: Inode,
    type: number,
    contents: { reparse?: Uint8Array; data?: Uint8Array },
  ): Promise<void> {
    const isDirectory = type === S_IFDIR;
    inode.flags = RecordFlag.inUse | (isDirectory ? RecordFlag.directory : 0);
    const fileAttributes =
      (isDirectory ? 0 : FileAttribute.archive) |
      (contents.reparse === undefined ? 0 : FileAttribute.reparsePoint) |
      (contents.data === undefined ? 0 : FileAttribute.system);
    const securityId = await this.security.inherited(parent, isDirectory);
    inode.add({
      type: AttributeType.standardInformation,
      name: '',
      value: newStandardInformation(nowTicks(), fileAttributes, securityId),
    });
    if (isDirectory) {
      const { indexBlockSize } = this.writer.volume.geometry;
      inode.add({
        type: AttributeType.indexRoot,
        name: '$I30',
        value: newIndexRoot(indexBlockSize, this.#clusterSize),
      });
    } else inode.add({ type: AttributeType.data, name: '', value: contents.data ?? new Uint8Array(0) });
    if (contents.reparse !== undefined)
      inode.add({ type: AttributeType.reparsePoint, name: '', value: contents.reparse });
  }

  /** Take back an inode that was not completed. */
  async #discard(inode: Inode): Promise<void> {
    for (const attribute of inode.attributes) await this.writer.attributes.freeValue(attribute);
    await this.#release(inode);
  }

  async #release(inode: Inode): Promise<void> {
    if (inode.attributeList !== undefined) await this.writer.attributes.freeValue(inode.attributeList);
    for (const { record, sequence } of inode.extensions) await this.writer.records.release(record, sequence);
    await this.writer.records.release(inode.number, inode.sequence);
    this.writer.drop(inode);
    inode.deleted = true;
  }

  /** Give a file one more name, in the file and in the directory, whose editor is `editor`. @throws FsError ENOSPC */
  async addName(
    inode: Inode,
    directory: Inode,
    editor: IndexEditor,
    name: string,
    namespace: number = Namespace.posix,
  ): Promise<void> {
    const value = makeFileName(inode, directory, name, this.#clusterSize, namespace);
    const raw = makeEntry(inode.reference, value);
    await editor.reserve(raw);
    const attribute = inode.add({ type: AttributeType.fileName, name: '', value, indexed: 1 });
    inode.linkCount++;
    try {
      await this.writer.commit(inode);
      await editor.insert(raw);
    } catch (error) {
      inode.remove(attribute);
      inode.linkCount--;
      throw error;
    }
  }

  /** Another name for a file. @throws FsError EPERM, EMLINK, EEXIST */
  async link(inode: Inode, directory: Inode, name: string): Promise<void> {
    requireName(name, 'link', this.options.windowsNames);
    const details = { operation: 'link', path: name };
    if (inode.isDirectory || inode.number < FIRST_USER_RECORD) throw new FsError('EPERM', details);
    if (inode.deleted) throw new FsError('ENOENT', details);
    if (inode.linkCount >= MAX_LINKS) throw new FsError('EMLINK', details);
    if ((await this.#find(directory, name, 'link')) !== undefined) throw new FsError('EEXIST', details);
    this.stampChange(inode);
    await this.addName(inode, directory, this.#editor(directory, 'link'), name);
    this.#stampDirectory(directory);
  }

  /** Remove a name. @throws FsError ENOENT, EISDIR, ENOTDIR, ENOTEMPTY, EPERM */
  async remove(directory: Inode, name: string, kind: 'file' | 'directory'): Promise<void> {
    const operation = kind === 'file' ? 'unlink' : 'rmdir';
    const { found, inode } = await this.#require(directory, name, operation);
    const isLink = inode.isDirectory && (await specialFile(this.writer.volume, inode)) !== undefined;
    if (kind === 'file' && inode.isDirectory && !isLink) throw new FsError('EISDIR', { operation, path: name });
    if (kind === 'directory' && !inode.isDirectory) throw new FsError('ENOTDIR', { operation, path: name });
    if (inode.isDirectory) await this.#requireEmpty(inode, operation, name);
    await this.#drop(directory, inode, found, operation);
    this.#stampDirectory(directory);
  }

  async #requireEmpty(inode: Inode, operation: string, name: string): Promise<void> {
    const cursor = directoryIndex(this.writer.volume, inode, operation).entries();
    const batch = await cursor.next();
    if (batch !== undefined && batch.length > 0) throw new FsError('ENOTEMPTY', { operation, path: name });
  }

  /** Remove a name, and the file when it was the last one. */
  async #drop(directory: Inode, inode: Inode, found: FoundName, operation: string): Promise<void> {
    await this.#removeName(directory, inode, found, operation);
    if (inode.all(AttributeType.fileName).length === 0) await this.#delete(inode);
    else {
      this.stampChange(inode);
      await this.writer.commit(inode);
    }
  }

  async #removeName(directory: Inode, inode: Inode, found: FoundName, operation: string): Promise<void> {
    const attribute = attributeOfEntry(inode, directory, found.entry);
    const editor = this.#editor(directory, operation);
    const twin = attribute === undefined ? undefined : twinOf(inode, directory, attribute);
    await editor.remove(found.entry.key.slice());
    if (twin !== undefined && (await editor.tree.find(twin.value!)) !== undefined) await editor.remove(twin.value!);
    for (const gone of [attribute, twin]) {
      if (gone === undefined) continue;
      inode.remove(gone);
      inode.linkCount = Math.max(0, inode.linkCount - 1);
    }
    if (attribute !== undefined) return;
    throw new CorruptImageError({
      structure: `FILE record ${inode.number}`,
      field: '$FILE_NAME',
      reason: 'a directory has a name for it that it does not have itself; the name was removed',
    });
  }

  async #delete(inode: Inode): Promise<void> {
    const { volume } = this.writer;
    const reparse = await readReparse(volume, inode).catch(() => undefined);
    if (reparse !== undefined) await this.views.removeReparse(inode, reparse.tag);
    await this.views.removeObjectId(inode);
    for (const attribute of inode.attributes) await this.writer.attributes.freeValue(attribute);
    await this.#release(inode);
  }

  /** rename(2). */
  async rename(fromDir: Inode, fromName: string, toDir: Inode, toName: string): Promise<void> {
    requireName(toName, 'rename', this.options.windowsNames);
    const { found, inode } = await this.#require(fromDir, fromName, 'rename');
    if (inode.isDirectory && fromDir !== toDir) await this.#requireOutside(inode, toDir);
    let target = await this.#find(toDir, toName, 'rename');
    if (target !== undefined && target.entry.record === inode.number) {
      // Another case of the same name, or another link to the same file.
      if (target.exact) return;
      target = undefined;
    }
    const replaced = target === undefined ? undefined : await this.#replaceable(toDir, toName, inode, fromDir);
    const value = makeFileName(inode, toDir, toName, this.#clusterSize);
    await this.#editor(toDir, 'rename').reserve(makeEntry(inode.reference, value));
    if (replaced !== undefined) await this.#drop(toDir, replaced.inode, replaced.found, 'rename');
    await this.#removeName(fromDir, inode, found, 'rename');
    this.stampChange(inode);
    try {
      await this.addName(inode, toDir, this.#editor(toDir, 'rename'), toName);
    } catch (error) {
      // No file may be left without a name.
      await this.addName(inode, fromDir, this.#editor(fromDir, 'rename'), displayName(found.entry.key));
      throw error;
    }
    this.#stampDirectory(fromDir);
    if (fromDir !== toDir) this.#stampDirectory(toDir);
  }

  /** What lies at the target may be replaced. */
  async #replaceable(
    toDir: Inode,
    name: string,
    source: Inode,
    fromDir: Inode,
  ): Promise<{ found: FoundName; inode: Inode }> {
    const details = { operation: 'rename', path: name };
    const target = await this.#require(toDir, name, 'rename');
    if (target.inode === fromDir) throw new FsError('ENOTEMPTY', details);
    if (target.inode.isDirectory && !source.isDirectory) throw new FsError('EISDIR', details);
    if (!target.inode.isDirectory && source.isDirectory) throw new FsError('ENOTDIR', details);
    if (target.inode.isDirectory) await this.#requireEmpty(target.inode, 'rename', name);
    return target;
  }

  /** A directory cannot move into itself. */
  async #requireOutside(inode: Inode, toDir: Inode): Promise<void> {
    let up = toDir;
    for (let depth = 0; up.number !== SystemFile.root; depth++) {
      if (up === inode || up.number === inode.number) throw new FsError('EINVAL', { operation: 'rename' });
      const name = up.find(AttributeType.fileName)?.value;
      if (name === undefined || depth > MAX_DEPTH) {
        throw new CorruptImageError({
          structure: `FILE record ${up.number}`,
          field: 'parent',
          reason: 'no way to the root',
        });
      }
      up = await this.writer.volume.mft.load(recordOf(parentOf(requireFileName(name, `FILE record ${up.number}`))));
    }
  }

  /** Something of a file besides its contents was changed. */
  stampChange(inode: Inode): void {
    inode.standard.setBigUint64(16, nowTicks(), true);
    this.writer.touchNames(inode);
  }

  #stampDirectory(directory: Inode): void {
    const now = nowTicks();
    directory.standard.setBigUint64(8, now, true);
    directory.standard.setBigUint64(16, now, true);
    this.writer.touchNames(directory);
  }

  /** Bring the copies of times, sizes and attributes in all directories of a file up to date, as Windows does when it closes one. */
  async syncNames(inode: Inode): Promise<void> {
    inode.namesStale = false;
    if (inode.deleted) return;
    for (const attribute of inode.all(AttributeType.fileName)) await this.#syncName(inode, attribute);
  }

  async #syncName(inode: Inode, attribute: Attribute): Promise<void> {
    const { value } = attribute;
    if (value === undefined) return;
    requireFileName(value, `FILE record ${inode.number}`);
    const parent = await this.writer.volume.mft.load(recordOf(parentOf(value)));
    if (!parent.isDirectory) return;
    const editor = this.#editor(parent, 'setattr');
    const { path, found } = await editor.tree.descend(value);
    if (!found) return;
    const { node, position } = path.at(-1)!;
    const entry = node.entries[position]!;
    if (entry.record !== inode.number) return;
    fillCopies(entry.key, inode, this.#clusterSize);
    editor.changed(node);
  }
}
