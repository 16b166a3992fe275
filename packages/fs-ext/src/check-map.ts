import type { Findings } from './check-findings.js';
import type { BlockUsage } from './check-usage.js';
import { type ExtentNode, extentBlock, extentRoot } from './extent-node.js';
import type { Inode } from './inode.js';
import { DIRECT_BLOCKS } from './layout.js';
import type { Volume } from './volume.js';

/** What the walk over a file's block map found. Counts are blocks. */
export interface MapFacts {
  /** Blocks taken, those of the map included. */
  blocks: number;
  /** Logical number after the last mapped block that is not unwritten. */
  end: number;
  /** Logical number after the last mapped block of any kind. */
  allocatedEnd: number;
  /** Mapped blocks that are not unwritten. */
  mapped: number;
}

/** Everything a map walk works with. */
export interface MapWalk {
  readonly volume: Volume;
  readonly inode: Inode;
  readonly usage: BlockUsage;
  readonly findings: Findings;
}

function noFacts(): MapFacts {
  return { blocks: 0, end: 0, allocatedEnd: 0, mapped: 0 };
}

/** Walk an extent tree: every node verified, every extent in order and within the bounds its index entry gives. */
export async function walkExtents(walk: MapWalk): Promise<MapFacts> {
  const facts = noFacts();
  const { volume, inode, usage, findings } = walk;
  const { clusterRatio } = volume.geometry;
  let lastCluster = -1;
  const visit = async (node: ExtentNode, from: number, to: number): Promise<void> => {
    for (let i = 0; i < node.count; i++) {
      const key = node.key(i);
      if (key < from || key >= to)
        findings.error(`inode ${inode.ino}: extent entry at ${key} outside [${from}, ${to})`);
      if (node.depth === 0) {
        const e = node.extent(i);
        if (e.logical + e.length > to) findings.error(`inode ${inode.ino}: extent at ${key} overlaps what follows`);
        usage.take(e.physical, e.length);
        const first = Math.floor(e.physical / clusterRatio);
        const last = Math.floor((e.physical + e.length - 1) / clusterRatio);
        facts.blocks += (last - first + (first === lastCluster ? 0 : 1)) * clusterRatio;
        lastCluster = last;
        facts.allocatedEnd = e.logical + e.length;
        if (!e.unwritten) {
          facts.end = facts.allocatedEnd;
          facts.mapped += e.length;
        }
        continue;
      }
      if (i === 0 && node.block !== 0 && key !== from)
        findings.error(`inode ${inode.ino}: index node begins at ${key}, not ${from}`);
      const child = await extentBlock(volume, inode, node.child(i), node.depth - 1);
      usage.begin(inode.ino);
      usage.take(child.block, 1);
      usage.begin(inode.ino);
      facts.blocks += clusterRatio;
      await visit(child, key, i + 1 < node.count ? node.key(i + 1) : to);
      if (child.count > 0 && child.key(0) !== key)
        findings.error(`inode ${inode.ino}: index entry ${key} leads to ${child.key(0)}`);
    }
  };
  await visit(extentRoot(volume, inode), 0, 2 ** 32);
  return facts;
}

/** Walk direct and indirect pointers. */
export async function walkIndirect(walk: MapWalk, skip: (block: number) => boolean = () => false): Promise<MapFacts> {
  const facts = noFacts();
  const { volume, inode, usage } = walk;
  const { blockSize, blocksCount, clusterRatio } = volume.geometry;
  const fanout = blockSize / 4;
  const seen = new Set<number>();
  const visit = async (block: number, level: number, logical: number): Promise<void> => {
    if (block === 0) return;
    facts.blocks += clusterRatio;
    if (block >= blocksCount) {
      walk.findings.error(`inode ${inode.ino}: block pointer ${block} of ${blocksCount}`);
      return;
    }
    if (!skip(block)) usage.take(block, 1);
    if (level === 0) {
      facts.end = logical + 1;
      facts.allocatedEnd = facts.end;
      facts.mapped += 1;
      return;
    }
    if (seen.has(block)) return;
    seen.add(block);
    const data = (await volume.store.read(block)).slice();
    const view = new DataView(data.buffer);
    const span = fanout ** (level - 1);
    for (let i = 0; i < fanout; i++) {
      const next = view.getUint32(4 * i, true);
      if (next !== 0) await visit(next, level - 1, logical + i * span);
    }
  };
  const root = new DataView(inode.block.buffer, inode.block.byteOffset);
  let logical = 0;
  for (let i = 0; i < DIRECT_BLOCKS + 3; i++) {
    const level = Math.max(0, i - DIRECT_BLOCKS + 1);
    await visit(root.getUint32(4 * i, true), level, logical);
    logical += fanout ** level;
  }
  return facts;
}
