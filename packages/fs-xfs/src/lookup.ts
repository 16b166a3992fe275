import { equalBytes, viewOf } from '@vmcraft/core/binary';
import { readNames } from './directory.js';
import { type Extent, extentAt, readFork } from './extents.js';
import { DIRECTORY_LEAVES, entriesStart, findLeaf, type HashTree, hashName, leavesFrom } from './hash-index.js';
import type { XfsNode } from './inode.js';
import { BlockTail, DIRECTORY_ALIGN, DirectoryMagic, Fork, LEAF_OFFSET } from './layout.js';
import type { Volume } from './volume.js';

/** An address of the index that stands for a removed entry. */
const NULL_ADDRESS = 0;
/** Length of a name, before its bytes, in a data entry. */
const NAME_LENGTH_AT = 8;
const NAME_AT = 9;

/** The inode number under a name; undefined when there is none. @throws CorruptImageError */
export async function findName(
  volume: Volume,
  directory: XfsNode,
  extents: readonly Extent[],
  name: Uint8Array,
): Promise<bigint | undefined> {
  if (directory.data.format === Fork.local || volume.isCaseInsensitive) {
    return search(volume, directory, extents, name);
  }
  const hash = hashName(name);
  const leafExtent = extents[extentAt(extents, LEAF_OFFSET)];
  if (leafExtent === undefined) return findInBlock(volume, extents, name, hash);
  const tree: HashTree = { volume, extents, blockSize: volume.directoryBlockSize };
  const first = await findLeaf(tree, LEAF_OFFSET / volume.blockSize, DIRECTORY_LEAVES, hash);
  for await (const leaf of leavesFrom(tree, first, DIRECTORY_LEAVES)) {
    const start = entriesStart(volume);
    const count = Math.min(leaf.count, Math.floor((leaf.data.length - start) / 8));
    const found = await findHash(volume, extents, leaf.data, start, count, hash, name);
    if (found.ino !== undefined || found.isPast) return found.ino;
  }
  return undefined;
}

/** Looks at every name; the first that fits counts. */
async function search(
  volume: Volume,
  directory: XfsNode,
  extents: readonly Extent[],
  name: Uint8Array,
): Promise<bigint | undefined> {
  const wanted = volume.isCaseInsensitive ? folded(name) : name;
  for await (const listed of readNames(volume, directory, extents)) {
    const found = volume.isCaseInsensitive ? folded(listed.name) : listed.name;
    if (equalBytes(found, wanted)) return listed.ino;
  }
  return undefined;
}

/** Case of ASCII letters only, as `mkfs.xfs -n version=ci` has it. */
const folded = (name: Uint8Array): Uint8Array => name.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte));

/** A directory of one block has the table of its hashes at the end. */
async function findInBlock(
  volume: Volume,
  extents: readonly Extent[],
  name: Uint8Array,
  hash: number,
): Promise<bigint | undefined> {
  const data = await readFork(volume, extents, 0, volume.directoryBlockSize);
  const magic = viewOf(data).getUint32(0);
  if (magic !== DirectoryMagic.block && magic !== DirectoryMagic.blockChecked) return undefined;
  const { count } = BlockTail.decode(data, data.length - BlockTail.size);
  const start = data.length - BlockTail.size - count * 8;
  if (start < 0) return undefined;
  return (await findHash(volume, extents, data, start, count, hash, name)).ino;
}

/** Entries of one table, sorted by hash; several names may have the same. */
async function findHash(
  volume: Volume,
  extents: readonly Extent[],
  table: Uint8Array,
  start: number,
  count: number,
  hash: number,
  name: Uint8Array,
): Promise<{ ino?: bigint; isPast: boolean }> {
  const view = viewOf(table);
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (view.getUint32(start + middle * 8) < hash) low = middle + 1;
    else high = middle;
  }
  for (; low < count; low++) {
    if (view.getUint32(start + low * 8) !== hash) return { isPast: true };
    const address = view.getUint32(start + low * 8 + 4);
    if (address === NULL_ADDRESS) continue;
    const ino = await entryAt(volume, extents, address * DIRECTORY_ALIGN, name);
    if (ino !== undefined) return { ino, isPast: false };
  }
  return { isPast: false };
}

/** The inode number of the data entry at this byte of the directory, if it has that name. */
async function entryAt(
  volume: Volume,
  extents: readonly Extent[],
  offset: number,
  name: Uint8Array,
): Promise<bigint | undefined> {
  const data = await readFork(volume, extents, offset, NAME_AT + name.length);
  const isSame = data[NAME_LENGTH_AT] === name.length && equalBytes(data.subarray(NAME_AT), name);
  return isSame ? viewOf(data).getBigUint64(0) : undefined;
}
