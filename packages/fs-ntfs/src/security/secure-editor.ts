import { alignUp, viewOf } from '@vmcraft/core/binary';
import { FsError } from '@vmcraft/core/errors';
import { sizeOf } from '../attribute.js';
import { AttributeType, SystemFile } from '../layout.js';
import { IndexName } from '../layout-index.js';
import { makeViewEntry } from '../view-index.js';
import type { Writer } from '../writer.js';
import { descriptorHash } from './hash.js';
import {
  FIRST_SECURITY_ID,
  MAX_DESCRIPTOR_BYTES,
  SDS_ALIGNMENT,
  SDS_BLOCK_BYTES,
  SdsHeader,
} from './layout-security.js';
import { SDS_STREAM, type SecureStore } from './secure-store.js';

/** Where the next descriptor goes in $SDS, given where the last one ends: not over the end of a block, and not into a copy. */
export function nextPlace(end: number, length: number): number {
  const at = alignUp(end, SDS_ALIGNMENT);
  const within = at % (2 * SDS_BLOCK_BYTES);
  return within + length <= SDS_BLOCK_BYTES ? at : at - within + 2 * SDS_BLOCK_BYTES;
}

/** Takes new security descriptors into $Secure. */
export class SecureEditor {
  /** The highest id and the end of the last descriptor, once they were looked for. */
  #last: { id: number; end: number } | undefined;

  constructor(
    private readonly store: SecureStore,
    private readonly writer: Writer,
  ) {}

  /**
   * The id of a descriptor, which is added where the volume does not have it yet.
   * @throws FsError ENOSPC, EINVAL for one that is too large; CorruptImageError
   */
  async idFor(descriptor: Uint8Array): Promise<number> {
    if (descriptor.length > MAX_DESCRIPTOR_BYTES) throw new FsError('EINVAL', { operation: 'security descriptor' });
    return (await this.store.idOf(descriptor)) ?? this.#add(descriptor);
  }

  async #add(descriptor: Uint8Array): Promise<number> {
    const { volume, attributes } = this.writer;
    const inode = await volume.mft.load(SystemFile.secure);
    const sds = inode.require(AttributeType.data, SDS_STREAM);
    const byId = this.writer.editor(volume.index(inode, IndexName.securityId));
    const byHash = this.writer.editor(volume.index(inode, IndexName.securityHash));
    this.#last ??= await lastEntry(byId.tree.entries());
    const last = this.#last;
    const securityId = Math.max(FIRST_SECURITY_ID, last.id + 1);
    const length = SdsHeader.size + descriptor.length;
    // The stream ends with the copy of its last descriptor; those before lie a block earlier.
    const offset = nextPlace(Math.max(last.end, sizeOf(sds) - SDS_BLOCK_BYTES, 0), length);
    const hash = descriptorHash(descriptor);
    const header = SdsHeader.encode({ hash, securityId, offset: BigInt(offset), length });
    const bytes = new Uint8Array(length);
    bytes.set(header);
    bytes.set(descriptor, SdsHeader.size);
    await attributes.write(inode, sds, offset, bytes);
    await attributes.write(inode, sds, offset + SDS_BLOCK_BYTES, bytes);
    await this.writer.commit(inode);
    await byId.insert(makeViewEntry(words(securityId), header));
    await byHash.insert(hashEntry(words(hash, securityId), header));
    this.#last = { id: securityId, end: offset + length };
    return securityId;
  }
}

/** Entries of $SDH end with "II" in their padding. */
function hashEntry(key: Uint8Array, data: Uint8Array): Uint8Array {
  const raw = makeViewEntry(key, data);
  raw.set([0x49, 0, 0x49, 0], raw.length - 4);
  return raw;
}

function words(...values: number[]): Uint8Array {
  const data = new Uint8Array(values.length * 4);
  for (const [i, value] of values.entries()) viewOf(data).setUint32(i * 4, value, true);
  return data;
}

/** The highest id that is in use, and where the last descriptor ends in $SDS. */
async function lastEntry(cursor: {
  next(): Promise<readonly { key: Uint8Array; data: Uint8Array }[] | undefined>;
}): Promise<{ id: number; end: number }> {
  let id = 0;
  let end = 0;
  for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
    for (const entry of batch) {
      const place = SdsHeader.decode(entry.data);
      id = Math.max(id, viewOf(entry.key).getUint32(0, true));
      end = Math.max(end, Number(place.offset) + place.length);
    }
  }
  return { id, end };
}
