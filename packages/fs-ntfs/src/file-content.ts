import { viewOf } from '@vmcraft/core/binary';
import type { IoOptions } from '@vmcraft/core/contracts';
import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import { type Attribute, sizeOf } from './attribute.js';
import { readAttribute, readWhole } from './attribute-reader.js';
import { ChunkedReader } from './compression/chunked-reader.js';
import { WOF_STREAM } from './compression/layout-wof.js';
import { wofFormat } from './compression/wof.js';
import type { Inode } from './inode.js';
import { AttributeType, FileAttribute } from './layout.js';
import { MAX_REPARSE_SIZE, ReparseTag } from './layout-reparse.js';
import { decodeReparse, linkTags, linkTarget, type ReparsePoint, unsupportedTag } from './reparse.js';
import { decodeInterix, lxTypes, MAX_INTERIX_SIZE, type SpecialFile } from './special-file.js';
import type { Volume } from './volume.js';

/** The reparse point of a file, if it has one. @throws CorruptImageError */
export async function readReparse(volume: Volume, inode: Inode): Promise<ReparsePoint | undefined> {
  if (!inode.isReparsePoint) return undefined;
  const attribute = inode.find(AttributeType.reparsePoint);
  return attribute === undefined ? undefined : decodeReparse(await readWhole(volume, attribute, MAX_REPARSE_SIZE));
}

/** What a file stands for besides itself: a link, a device. Undefined for ordinary files and directories. */
export async function specialFile(volume: Volume, inode: Inode): Promise<SpecialFile | undefined> {
  const reparse = await readReparse(volume, inode);
  if (reparse !== undefined) {
    const target = linkTags.has(reparse.tag) ? linkTarget(reparse) : undefined;
    if (target !== undefined) return { type: 0o120000, target };
    const type = lxTypes.get(reparse.tag);
    return type === undefined ? undefined : { type };
  }
  // Those that are hidden too are files of Windows itself.
  const kind = inode.fileAttributes & (FileAttribute.system | FileAttribute.hidden);
  if (inode.isDirectory || kind !== FileAttribute.system) return undefined;
  const data = inode.find(AttributeType.data);
  if (data === undefined || sizeOf(data) > MAX_INTERIX_SIZE) return undefined;
  return decodeInterix(await readAttribute(volume, data, 0, MAX_INTERIX_SIZE), sizeOf(data));
}

/** Target of a symbolic link. @throws FsError EINVAL */
export async function readLink(volume: Volume, inode: Inode): Promise<string> {
  const target = (await specialFile(volume, inode))?.target;
  if (target === undefined) throw new FsError('EINVAL', { operation: 'readlink', reason: 'it is no symbolic link' });
  return target;
}

/** Reads contents of files: plain, sparse, compressed by NTFS or behind the overlay filter (CompactOS). */
export class ContentReader {
  /** The overlaid file used last; its table of chunks is worth keeping. */
  #overlaid: { inode: Inode; reader: ChunkedReader } | undefined;

  constructor(private readonly volume: Volume) {}

  /** A stream of a file; the unnamed one may be missing, and is empty then. @throws FsError ENOENT */
  stream(inode: Inode, name: string): Attribute | undefined {
    const attribute = inode.find(AttributeType.data, name);
    if (attribute === undefined && name !== '') throw new FsError('ENOENT', { operation: 'read', path: `:${name}` });
    return attribute;
  }

  /** @throws FsError, CorruptImageError, UnsupportedFeatureError for encrypted, deduplicated and remote files */
  async read(inode: Inode, name: string, offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const attribute = this.stream(inode, name);
    if (name === '' && inode.isReparsePoint) {
      const reader = await this.#reader(inode, attribute);
      // The reader keeps the last chunk.
      if (reader !== undefined) return reader.read(offset, length, withoutBuffer(options));
    }
    if (attribute === undefined) return new Uint8Array(0);
    return readAttribute(this.volume, attribute, offset, length, options);
  }

  /** Another reader than that of the attribute, where the reparse point asks for one. */
  async #reader(inode: Inode, attribute: Attribute | undefined): Promise<ChunkedReader | undefined> {
    if (this.#overlaid?.inode === inode) return this.#overlaid.reader;
    const reparse = await readReparse(this.volume, inode);
    if (reparse === undefined) return undefined;
    const unsupported = unsupportedTag(reparse.tag);
    if (unsupported !== undefined) throw unsupported;
    if (reparse.tag !== ReparseTag.wof || attribute === undefined) return undefined;
    const stored = inode.find(AttributeType.data, WOF_STREAM);
    if (stored === undefined) {
      throw new CorruptImageError({ structure: `record ${inode.number}`, field: WOF_STREAM, reason: 'it is missing' });
    }
    const source = {
      size: sizeOf(stored),
      read: (at: number, count: number, io?: IoOptions) => readAttribute(this.volume, stored, at, count, io),
    };
    const reader = new ChunkedReader(source, wofFormat(reparse.data), sizeOf(attribute));
    this.#overlaid = { inode, reader };
    return reader;
  }

  /** A file was changed. */
  forget(): void {
    this.#overlaid = undefined;
  }
}

function withoutBuffer(options: IoOptions | undefined): IoOptions | undefined {
  if (options?.into === undefined) return options;
  const { into: _, ...rest } = options;
  return rest;
}

/** The tag of a file's reparse point as $FILE_NAME copies it, without reading more than its record; 0 for none. */
export function residentTag(inode: Inode): number {
  const value = inode.isReparsePoint ? inode.find(AttributeType.reparsePoint)?.value : undefined;
  return value === undefined || value.length < 4 ? 0 : viewOf(value).getUint32(0, true);
}
