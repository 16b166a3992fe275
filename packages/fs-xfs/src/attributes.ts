import { decodeUtf8, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { type Extent, type ForkBytes, readExtents } from './extents.js';
import { ATTRIBUTE_LEAVES, findLeaf, type HashBlock, type HashTree, leavesFrom } from './hash-index.js';
import type { XfsNode } from './inode.js';
import { ATTRIBUTE_ENTRIES, AttributeFlag, Fork, REMOTE_MAGIC } from './layout.js';
import { readRemote } from './remote-value.js';
import type { Volume } from './volume.js';

/** Largest value of an attribute (`XFS_XATTR_SIZE_MAX`). */
const MAX_VALUE = 65_536;
const HEADER = 4;

/** An extended attribute; its value is read when it is asked for. */
export interface Attribute {
  /** With its namespace, as Linux has it. */
  readonly name: string;
  value(): Promise<Uint8Array>;
}

/** ACLs have names of their own on the disk, and a form of their own; Linux shows both. */
const ACL_NAMES: Readonly<Record<string, string>> = {
  'trusted.SGI_ACL_FILE': 'system.posix_acl_access',
  'trusted.SGI_ACL_DEFAULT': 'system.posix_acl_default',
};

/** All attributes of an inode. @throws CorruptImageError */
export async function* readAttributes(volume: Volume, node: XfsNode): AsyncGenerator<Attribute> {
  const fork = node.attributes;
  if (volume.pending.attributes.has(node.ino)) {
    throw new UnsupportedFeatureError({
      structure: 'XFS log',
      feature: `attributes of inode ${node.ino} half changed`,
    });
  }
  if (fork === undefined) return;
  for await (const attribute of rawAttributes(volume, node, fork)) {
    yield attribute;
    const acl = ACL_NAMES[attribute.name];
    if (acl !== undefined) yield { name: acl, value: async () => linuxAcl(await attribute.value()) };
  }
}

async function* rawAttributes(volume: Volume, node: XfsNode, fork: ForkBytes): AsyncGenerator<Attribute> {
  if (fork.format === Fork.local) {
    yield* shortForm(fork.data);
    return;
  }
  const extents = await readExtents(volume, fork, node.ino, 'attributes');
  if (extents.length === 0) return;
  const tree: HashTree = { volume, extents, blockSize: volume.blockSize };
  const first = await findLeaf(tree, 0, ATTRIBUTE_LEAVES);
  for await (const leaf of leavesFrom(tree, first, ATTRIBUTE_LEAVES)) yield* leafEntries(volume, extents, leaf);
}

/** Chapter 19.1: total size and count, then the entries. */
function* shortForm(data: Uint8Array): Generator<Attribute> {
  const view = viewOf(data);
  const end = Math.min(view.getUint16(0), data.length);
  for (let i = 0, at = HEADER; i < data[2]!; i++) {
    if (at + 3 > end) throw malformed('an entry of the short form ends outside');
    const [nameLength, valueLength, flags] = [data[at]!, data[at + 1]!, data[at + 2]!];
    const nameEnd = at + 3 + nameLength;
    if (nameEnd + valueLength > end) throw malformed('an entry of the short form ends outside');
    const name = fullName(flags, data.subarray(at + 3, nameEnd));
    const value = data.slice(nameEnd, nameEnd + valueLength);
    if (name !== undefined) yield { name, value: async () => value };
    at = nameEnd + valueLength;
  }
}

/** Chapter 19.2: entries with hash, place of the name and flags. */
function* leafEntries(volume: Volume, extents: readonly Extent[], leaf: HashBlock): Generator<Attribute> {
  const { data, count } = leaf;
  const view = viewOf(data);
  const start = volume.isChecked ? ATTRIBUTE_ENTRIES.checked : ATTRIBUTE_ENTRIES.plain;
  if (start + count * 8 > data.length) throw malformed('a leaf has more entries than fit');
  for (let i = 0; i < count; i++) {
    const at = view.getUint16(start + i * 8 + 4);
    const flags = data[start + i * 8 + 6]!;
    if ((flags & AttributeFlag.incomplete) !== 0) continue;
    if (at + 12 > data.length) throw malformed('a name lies outside its leaf');
    const isLocal = (flags & AttributeFlag.local) !== 0;
    const nameAt = at + (isLocal ? 3 : 9);
    const nameEnd = nameAt + data[nameAt - 1]!;
    const length = isLocal ? view.getUint16(at) : view.getUint32(at + 4);
    if (nameEnd + (isLocal ? length : 0) > data.length || length > MAX_VALUE) throw malformed('a value does not fit');
    const name = fullName(flags, data.subarray(nameAt, nameEnd));
    if (name === undefined) continue;
    if (isLocal) yield { name, value: async () => data.slice(nameEnd, nameEnd + length) };
    else yield { name, value: () => readRemote(volume, extents, view.getUint32(at), length, REMOTE_MAGIC) };
  }
}

/** Undefined for what Linux does not show: pointers to parents. */
function fullName(flags: number, name: Uint8Array): string | undefined {
  if ((flags & AttributeFlag.parent) !== 0) return undefined;
  const space =
    (flags & AttributeFlag.root) !== 0 ? 'trusted' : (flags & AttributeFlag.secure) !== 0 ? 'security' : 'user';
  return `${space}.${decodeUtf8(name)}`;
}

/**
 * Chapter 19.5, "Access Control Lists": a count, then entries of tag, id and permissions, big-endian. Linux' attribute has a version of 2
 * and entries of tag, permissions and id, little-endian.
 */
function linuxAcl(raw: Uint8Array): Uint8Array {
  const view = viewOf(raw);
  const count = raw.length < 4 ? 0 : view.getUint32(0);
  if (4 + count * 12 > raw.length) throw malformed('an access control list does not fit its value');
  const out = new Uint8Array(4 + count * 8);
  const target = viewOf(out);
  target.setUint32(0, 2, true);
  for (let i = 0; i < count; i++) {
    const [from, to] = [4 + i * 12, 4 + i * 8];
    const tag = view.getUint32(from);
    target.setUint16(to, tag, true);
    target.setUint16(to + 2, view.getUint16(from + 8), true);
    // Only named users and groups (tags 2 and 8) have an id.
    target.setUint32(to + 4, tag === 2 || tag === 8 ? view.getUint32(from + 4) : 0xffff_ffff, true);
  }
  return out;
}

function malformed(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'XFS attributes', reason });
}
