import { FsError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { type Attribute, isCompressed, isEncrypted, sizeOf } from './attribute.js';
import { WOF_STREAM } from './compression/layout-wof.js';
import { type ContentReader, readReparse } from './file-content.js';
import type { Inode } from './inode.js';
import { AttributeFlag, AttributeType, FileAttribute } from './layout.js';
import { ReparseTag } from './layout-reparse.js';
import { unsupportedTag } from './reparse.js';
import type { ViewIndexes } from './view-index.js';
import type { Writer } from './writer.js';

const CHUNK = 1024 * 1024;

/** Makes files plain before they are changed: what NTFS or the overlay filter compressed is stored uncompressed from then on. */
export class PlainRewriter {
  constructor(
    private readonly writer: Writer,
    private readonly content: ContentReader,
    private readonly views: ViewIndexes,
  ) {}

  /**
   * A stream that can be written to.
   * @param keep bytes from the beginning that will still be needed
   * @throws UnsupportedFeatureError for encrypted, deduplicated and remote files; FsError ENOSPC
   */
  async open(inode: Inode, name: string, keep: number): Promise<Attribute> {
    if (name === '' && inode.isReparsePoint) await this.#openReparse(inode, keep);
    const attribute =
      inode.find(AttributeType.data, name) ?? inode.add({ type: AttributeType.data, name, value: new Uint8Array(0) });
    if (isEncrypted(attribute)) {
      throw new UnsupportedFeatureError({ feature: 'writing to a file encrypted with EFS', structure: 'NTFS' });
    }
    return isCompressed(attribute) ? this.#copy(inode, attribute, keep) : attribute;
  }

  async #openReparse(inode: Inode, keep: number): Promise<void> {
    const reparse = await readReparse(this.writer.volume, inode);
    if (reparse === undefined) return;
    const unsupported = unsupportedTag(reparse.tag);
    if (unsupported !== undefined) throw unsupported;
    if (reparse.tag !== ReparseTag.wof) return;
    const data = inode.require(AttributeType.data);
    await this.#copy(inode, data, keep);
    const stored = inode.find(AttributeType.data, WOF_STREAM);
    if (stored !== undefined) await this.#remove(inode, stored);
    await this.#remove(inode, inode.require(AttributeType.reparsePoint));
    inode.fileAttributes &= ~FileAttribute.reparsePoint;
    await this.views.removeReparse(inode, reparse.tag);
    this.content.forget();
  }

  async #remove(inode: Inode, attribute: Attribute): Promise<void> {
    await this.writer.attributes.freeValue(attribute);
    inode.remove(attribute);
  }

  /** Write the plain contents to new clusters, and put them in the place of the old. */
  async #copy(inode: Inode, old: Attribute, keep: number): Promise<Attribute> {
    const { attributes } = this.writer;
    const plain: Attribute = {
      type: old.type,
      name: old.name,
      instance: old.instance,
      indexed: 0,
      flags: old.flags & ~(AttributeFlag.compressionMask | AttributeFlag.sparse),
      value: new Uint8Array(0),
    };
    const size = Math.min(keep, sizeOf(old));
    try {
      await attributes.makeNonResident(plain);
      for (let at = 0; at < size; at += CHUNK) {
        const data = await this.content.read(inode, old.name, at, Math.min(CHUNK, size - at));
        if (data.length === 0) throw new FsError('EIO', { operation: 'write' });
        await attributes.write(inode, plain, at, data);
      }
    } catch (error) {
      await attributes.freeValue(plain);
      throw error;
    }
    await attributes.freeValue(old);
    inode.attributes[inode.attributes.indexOf(old)] = plain;
    if (old.name === '') inode.fileAttributes &= ~(FileAttribute.compressed | FileAttribute.sparse);
    return plain;
  }
}
