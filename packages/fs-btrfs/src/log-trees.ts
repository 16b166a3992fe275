import { toSafeInteger } from '@vmcraft/core/binary';
import { RootItem, Type } from './layout.js';
import { LAST_OFFSET, type NodeReader, Tree } from './tree.js';

/** BTRFS_TREE_LOG_OBJECTID, -6. */
const TREE_LOG_OBJECTID = 2 ** 64 - 6;
/** Subvolumes that one log may concern. */
const MAX_LOGS = 100_000;

/**
 * The log trees of a file system that was not unmounted, by the subvolume they are for ("Log tree"): the log root tree has a root item
 * for each. They are of the generation after that of the superblock.
 */
export async function logTrees(
  nodes: NodeReader,
  { logRoot, logRootLevel }: { readonly logRoot: number; readonly logRootLevel: number },
): Promise<ReadonlyMap<number, Tree>> {
  const found = new Map<number, Tree>();
  const root = new Tree(nodes, { logical: logRoot, level: logRootLevel });
  const from = { objectid: TREE_LOG_OBJECTID, type: Type.rootItem, offset: 0 };
  for await (const { type, offset, data } of root.range(from, { ...from, offset: LAST_OFFSET })) {
    if (type !== Type.rootItem || found.size >= MAX_LOGS) continue;
    const { bytenr, level, generation } = RootItem.decode(data);
    const logical = toSafeInteger(bytenr, 'btrfs_root_item bytenr');
    found.set(offset, new Tree(nodes, { logical, level, generation: Number(generation) }));
  }
  return found;
}
