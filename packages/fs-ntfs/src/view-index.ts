import { viewOf } from '@vmcraft/core/binary';
import { FsError } from '@vmcraft/core/errors';
import { directoryIndex, findName } from './directory.js';
import type { IndexEditor } from './index-edit.js';
import type { IndexTree } from './index-tree.js';
import type { Inode } from './inode.js';
import { AttributeType, OBJECT_ID_SIZE, SystemFile } from './layout.js';
import { INDEX_ENTRY_HEADER_SIZE, IndexName } from './layout-index.js';
import type { Writer } from './writer.js';

/** The entry of a view index: data follows on the key. */
export function makeViewEntry(key: Uint8Array, data: Uint8Array): Uint8Array {
  const dataOffset = INDEX_ENTRY_HEADER_SIZE + key.length;
  const raw = new Uint8Array((dataOffset + data.length + 7) & ~7);
  const view = viewOf(raw);
  view.setUint16(0, data.length === 0 ? 0 : dataOffset, true);
  view.setUint16(2, data.length, true);
  view.setUint16(8, raw.length, true);
  view.setUint16(10, key.length, true);
  raw.set(key, INDEX_ENTRY_HEADER_SIZE);
  raw.set(data, dataOffset);
  return raw;
}

/** The indexes in $Extend that Windows finds reparse points and object ids by. */
export class ViewIndexes {
  constructor(private readonly writer: Writer) {}

  /** An index of a file in $Extend; undefined where the volume has none. */
  async #editor(file: string, name: string): Promise<IndexEditor | undefined> {
    const { volume } = this.writer;
    const extend = await volume.mft.load(SystemFile.extend).catch(() => undefined);
    if (extend?.isDirectory !== true) return undefined;
    const found = await findName(directoryIndex(volume, extend, 'open'), file, 'open');
    const inode = found === undefined ? undefined : await volume.mft.load(found.entry.record);
    if (inode?.find(AttributeType.indexRoot, name) === undefined) return undefined;
    return this.writer.editor(volume.index(inode, name));
  }

  async #remove(tree: IndexTree, editor: IndexEditor, key: Uint8Array): Promise<void> {
    if ((await tree.find(key)) !== undefined) await editor.remove(key);
  }

  /** A file got a reparse point. */
  async addReparse(inode: Inode, tag: number): Promise<void> {
    const editor = await this.#editor('$Reparse', IndexName.reparse);
    if (editor === undefined) return;
    const key = reparseKey(inode, tag);
    if ((await editor.tree.find(key)) === undefined) await editor.insert(makeViewEntry(key, new Uint8Array(0)));
  }

  /** A file lost its reparse point. */
  async removeReparse(inode: Inode, tag: number): Promise<void> {
    const editor = await this.#editor('$Reparse', IndexName.reparse);
    if (editor !== undefined) await this.#remove(editor.tree, editor, reparseKey(inode, tag));
  }

  /** A file with an object id goes. */
  async removeObjectId(inode: Inode): Promise<void> {
    const value = inode.find(AttributeType.objectId)?.value;
    if (value === undefined || value.length < OBJECT_ID_SIZE) return;
    const editor = await this.#editor('$ObjId', IndexName.objectId);
    if (editor !== undefined) await this.#remove(editor.tree, editor, value.slice(0, OBJECT_ID_SIZE));
  }

  /** Give a file an object id. @param data birth volume, birth object and domain ids @throws FsError ENOTSUP, EEXIST */
  async addObjectId(inode: Inode, id: Uint8Array, data: Uint8Array): Promise<void> {
    const editor = await this.#editor('$ObjId', IndexName.objectId);
    if (editor === undefined)
      throw new FsError('ENOTSUP', { operation: 'setxattr', reason: 'the volume has no $ObjId' });
    const entry = new Uint8Array(8 + 48);
    viewOf(entry).setBigUint64(0, inode.reference, true);
    entry.set(data.subarray(0, 48), 8);
    await editor.insert(makeViewEntry(id, entry));
  }
}

/** Reparse tag, then the file's reference: Linux-NTFS "$Reparse". */
function reparseKey(inode: Inode, tag: number): Uint8Array {
  const key = new Uint8Array(12);
  const view = viewOf(key);
  view.setUint32(0, tag, true);
  view.setBigUint64(4, inode.reference, true);
  return key;
}
