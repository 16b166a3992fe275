import { decodeUtf8 } from '@vmcraft/core/binary';
import { FsError } from '@vmcraft/core/errors';
import type { Attribute } from './attribute.js';
import { nameOf } from './collation.js';
import { directoryIndex, findName } from './directory.js';
import { namespaceOf, parentOf } from './file-name.js';
import type { IndexEditor } from './index-edit.js';
import { type Inode, recordOf } from './inode.js';
import { AttributeType, fileName, Namespace } from './layout.js';
import { decodeName } from './mft-record.js';
import type { NameEditor } from './name-edit.js';
import { requireName } from './name-record.js';
import type { Writer } from './writer.js';

const NAMESPACE_OFFSET = fileName.offsetOf('namespace');
/** Eight characters, and three behind a dot, none of which DOS reads otherwise. */
const SHORT_NAME = /^[^\s."*+,/:;<=>?[\\\]|\x00-\x1f]{1,8}(\.[^\s."*+,/:;<=>?[\\\]|\x00-\x1f]{1,3})?$/;
const details = (operation: string) => ({ operation, path: 'system.ntfs_dos_name' });

/** The long name of a file, its directory, and the short one that goes with it. */
interface Pair {
  readonly long: Attribute;
  readonly short: Attribute | undefined;
  readonly directory: Inode;
  readonly editor: IndexEditor;
}

/** Gives files short names, and takes them away: a name in the namespace of DOS beside the one of Windows. Linux-NTFS "$FILE_NAME". */
export class ShortNames {
  constructor(
    private readonly writer: Writer,
    private readonly names: NameEditor,
  ) {}

  async #pair(inode: Inode, operation: string): Promise<Pair> {
    const names = inode.all(AttributeType.fileName);
    const long = names.find(({ value }) => value !== undefined && namespaceOf(value) !== Namespace.dos);
    if (long === undefined) throw new FsError('ENOENT', details(operation));
    const parent = parentOf(long.value!);
    const isShort = ({ value }: Attribute): boolean =>
      value !== undefined &&
      parentOf(value) === parent &&
      (namespaceOf(value) === Namespace.dos || namespaceOf(value) === Namespace.win32AndDos);
    const directory = await this.writer.volume.mft.load(recordOf(parent));
    const editor = this.writer.editor(directoryIndex(this.writer.volume, directory, operation));
    return { long, short: names.find(isShort), directory, editor };
  }

  /**
   * Set the short name. One that is the long name in whatever case needs no name of its own.
   * @throws FsError EINVAL for one that is none, or a long name that Windows cannot use; EEXIST
   */
  async set(inode: Inode, value: Uint8Array): Promise<void> {
    const name = decodeUtf8(value).replace(/\0$/, '');
    if (!SHORT_NAME.test(name)) throw new FsError('EINVAL', { ...details('setxattr'), reason: 'no short name' });
    const { long, short, directory, editor } = await this.#pair(inode, 'setxattr');
    const longName = textOf(long);
    requireName(longName, 'setxattr', true);
    if (short !== undefined && short !== long && textOf(short) === name) return;
    const { upcase } = this.writer.volume;
    if (upcase.fold(longName) === upcase.fold(name)) {
      await this.#setNamespace(inode, long, editor, Namespace.win32AndDos);
    } else {
      const found = await findName(editor.tree, name, 'setxattr');
      const isOld = short !== undefined && short !== long && found?.entry.record === inode.number;
      if (found !== undefined && !(isOld && !found.exact)) throw new FsError('EEXIST', details('setxattr'));
      await this.names.addName(inode, directory, editor, name, Namespace.dos);
      await this.#setNamespace(inode, long, editor, Namespace.win32);
    }
    if (short !== undefined && short !== long) await this.#drop(inode, short, editor);
  }

  /** Take the short name away. @throws FsError ENODATA when there is none */
  async remove(inode: Inode): Promise<void> {
    const { long, short, editor } = await this.#pair(inode, 'removexattr');
    if (short === undefined) throw new FsError('ENODATA', details('removexattr'));
    await this.#setNamespace(inode, long, editor, Namespace.posix);
    if (short !== long) await this.#drop(inode, short, editor);
  }

  async #drop(inode: Inode, short: Attribute, editor: IndexEditor): Promise<void> {
    await editor.remove(short.value!.slice());
    inode.remove(short);
    inode.linkCount = Math.max(0, inode.linkCount - 1);
    this.writer.touch(inode);
  }

  /** In the file and in its directory. */
  async #setNamespace(inode: Inode, attribute: Attribute, editor: IndexEditor, namespace: number): Promise<void> {
    const value = attribute.value!.slice();
    value[NAMESPACE_OFFSET] = namespace;
    attribute.value = value;
    this.writer.touch(inode);
    const { path, found } = await editor.tree.descend(value);
    const { node, position } = path.at(-1)!;
    const entry = node.entries[position];
    if (!found || entry?.record !== inode.number) return;
    entry.key[NAMESPACE_OFFSET] = namespace;
    editor.changed(node);
  }
}

const textOf = ({ value }: Attribute): string => decodeName(nameOf(value!));
