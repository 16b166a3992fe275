import { equalBytes, toSafeInteger, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { type Attribute, sizeOf } from '../attribute.js';
import { readAttribute } from '../attribute-reader.js';
import type { IndexTree } from '../index-tree.js';
import type { Inode } from '../inode.js';
import { AttributeType, SystemFile } from '../layout.js';
import { IndexName } from '../layout-index.js';
import type { Volume } from '../volume.js';
import { descriptorHash } from './hash.js';
import { MAX_DESCRIPTOR_BYTES, SDS_BLOCK_BYTES, SdsHeader } from './layout-security.js';

/** Name of the stream with the descriptors. */
export const SDS_STREAM = '$SDS';
const KEY_BYTES = 8;
/** Descriptors of the same hash that are compared. */
const MAX_SAME_HASH = 1024;
const MAX_CACHED = 256;

/** Where a descriptor lies in $SDS. */
interface SdsPlace {
  readonly hash: number;
  readonly securityId: number;
  /** Of the header, in bytes. */
  readonly offset: number;
  /** Of header and descriptor, in bytes. */
  readonly length: number;
}

/** The security descriptors of a volume, shared by all files that have the same: $Secure. */
export class SecureStore {
  readonly #cache = new Map<number, Uint8Array>();

  constructor(protected readonly volume: Volume) {}

  protected inode(): Promise<Inode> {
    return this.volume.mft.load(SystemFile.secure);
  }

  protected index(inode: Inode, name: string): IndexTree {
    return this.volume.index(inode, name);
  }

  /** The descriptor with an id; undefined when there is none. @throws CorruptImageError */
  async descriptorOf(securityId: number): Promise<Uint8Array | undefined> {
    const cached = this.#cache.get(securityId);
    if (cached !== undefined) return cached;
    const inode = await this.inode();
    const key = new Uint8Array(4);
    viewOf(key).setUint32(0, securityId, true);
    const entry = await this.index(inode, IndexName.securityId).find(key);
    if (entry === undefined) return undefined;
    const place = decodePlace(entry.data);
    if (place.securityId !== securityId) throw broken('its data names another id', place.securityId);
    const descriptor = await this.#read(inode.require(AttributeType.data, SDS_STREAM), place);
    this.remember(securityId, descriptor);
    return descriptor;
  }

  protected remember(securityId: number, descriptor: Uint8Array): void {
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(securityId, descriptor);
  }

  /** The id under which a descriptor is known; undefined when it is not. @throws CorruptImageError */
  async idOf(descriptor: Uint8Array): Promise<number | undefined> {
    const hash = descriptorHash(descriptor);
    const inode = await this.inode();
    const tree = this.index(inode, IndexName.securityHash);
    for (let securityId = 0, tries = 0; tries < MAX_SAME_HASH; tries++) {
      const entry = await firstFrom(tree, hash, securityId);
      if (entry === undefined || viewOf(entry.key).getUint32(0, true) !== hash) return undefined;
      const place = decodePlace(entry.data);
      const known = await this.descriptorOf(place.securityId);
      if (known !== undefined && equalBytes(known, descriptor)) return place.securityId;
      securityId = viewOf(entry.key).getUint32(4, true) + 1;
      if (securityId > 0xffffffff) return undefined;
    }
    return undefined;
  }

  /** Read a descriptor, or its copy one block further on where the first is damaged. */
  async #read(sds: Attribute, place: SdsPlace): Promise<Uint8Array> {
    for (const offset of [place.offset, place.offset + SDS_BLOCK_BYTES]) {
      if (offset + place.length > sizeOf(sds)) continue;
      const bytes = await readAttribute(this.volume, sds, offset, place.length);
      const header = SdsHeader.decode(bytes);
      const descriptor = bytes.slice(SdsHeader.size);
      if (header.securityId === place.securityId && header.hash === descriptorHash(descriptor)) return descriptor;
    }
    throw broken(`neither copy of descriptor 0x${place.securityId.toString(16)} is whole`, place.offset);
  }
}

function broken(reason: string, found: unknown): CorruptImageError {
  return new CorruptImageError({
    structure: '$Secure',
    reason,
    found,
    citation: 'Linux-NTFS documentation, "$Secure"',
  });
}

/** Data of an entry of $SII and $SDH. @throws CorruptImageError */
function decodePlace(data: Uint8Array): SdsPlace {
  const { hash, securityId, offset, length } = SdsHeader.decode(data);
  if (length < SdsHeader.size || length > SdsHeader.size + MAX_DESCRIPTOR_BYTES)
    throw broken('a descriptor length', length);
  return { hash, securityId, offset: toSafeInteger(offset, '$SII.offset'), length };
}

/** The first entry of $SDH not below a hash and an id. */
async function firstFrom(
  tree: IndexTree,
  hash: number,
  securityId: number,
): Promise<{ key: Uint8Array; data: Uint8Array } | undefined> {
  const key = new Uint8Array(KEY_BYTES);
  viewOf(key).setUint32(0, hash, true);
  viewOf(key).setUint32(4, securityId, true);
  const { path } = await tree.descend(key);
  for (const { node, position } of path.reverse()) {
    const entry = node.entries[position];
    if (entry !== undefined) return entry;
  }
  return undefined;
}
