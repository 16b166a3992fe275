import { CachedDevice } from '@vmcraft/core/block';
import { type BlockDevice, isPeekable, type Peekable, type WarningSink } from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { readWhole } from './attribute-reader.js';
import { type Geometry, readGeometry } from './geometry.js';
import { type IndexHost, IndexTree, NodeBudget } from './index-tree.js';
import type { Inode } from './inode.js';
import { AttributeType, bootSector, SystemFile, volumeInformation } from './layout.js';
import { Mft } from './mft.js';
import { decodeName } from './mft-record.js';
import type { NtfsNode } from './node.js';
import { UpcaseTable } from './upcase.js';

/** Bounds of what one object of an image may have. */
export interface VolumeLimits {
  readonly maxDirEntries: number;
  /** Runs of one attribute. */
  readonly maxExtents: number;
}

const UPCASE_SIZE = 131_072;

/** Facts of $Volume. */
export interface VolumeFacts {
  readonly label: string;
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly flags: number;
}

/** How to open a volume. */
export interface VolumeOptions {
  readonly readonly: boolean;
  readonly limits: VolumeLimits;
  readonly warn?: WarningSink | undefined;
}

/** An opened volume: where things lie, and what is in memory of it. */
export class Volume implements IndexHost {
  readonly nodeBudget: NodeBudget;

  private constructor(
    readonly device: BlockDevice & Peekable,
    readonly geometry: Geometry,
    readonly mft: Mft,
    readonly upcase: UpcaseTable,
    readonly limits: VolumeLimits,
    readonly readonly: boolean,
  ) {
    this.nodeBudget = new NodeBudget(readonly);
  }

  /** @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError */
  static async open(below: BlockDevice, options: VolumeOptions): Promise<Volume> {
    const geometry = readGeometry(await below.read(0, bootSector.size));
    const device = isPeekable(below) ? below : new CachedDevice(below);
    const limits = { totalClusters: geometry.totalClusters, maxRuns: options.limits.maxExtents };
    const mft = await Mft.open({ device, geometry }, limits, options.readonly, options.warn);
    const upcase = (await mft.load(SystemFile.upcase)).require(AttributeType.data);
    const table = new UpcaseTable(await readWhole({ device, geometry }, upcase, UPCASE_SIZE));
    return new Volume(device, geometry, mft, table, options.limits, options.readonly);
  }

  /** An index of a file, opened once. */
  index(inode: Inode, name: string): IndexTree {
    let tree = inode.indexes.get(name);
    if (tree === undefined) {
      tree = new IndexTree(this, inode, name);
      inode.indexes.set(name, tree);
    }
    return tree;
  }

  /** The inode of a node, without waiting where that goes. @throws FsError ENOENT when it is gone */
  peekNode(node: NtfsNode): Inode | undefined {
    const inode = this.mft.peek(node.record);
    return inode === undefined ? undefined : requireSequence(inode, node);
  }

  /** The inode of a node. @throws FsError ENOENT when it is gone; CorruptImageError */
  async inode(node: NtfsNode): Promise<Inode> {
    return this.peekNode(node) ?? requireSequence(await this.mft.load(node.record), node);
  }

  /** @throws CorruptImageError */
  async facts(): Promise<VolumeFacts> {
    const inode = await this.mft.load(SystemFile.volume);
    const value = inode.requireValue(AttributeType.volumeInformation, volumeInformation.size);
    const { majorVersion, minorVersion, flags } = volumeInformation.decode(value);
    const label = decodeName(inode.find(AttributeType.volumeName)?.value ?? new Uint8Array(0));
    return { label, majorVersion, minorVersion, flags };
  }
}

function requireSequence(inode: Inode, node: NtfsNode): Inode {
  // A reference with sequence number 0 fits any.
  if (!inode.deleted && (node.sequence === 0 || node.sequence === inode.sequence)) return inode;
  throw new FsError('ENOENT', {
    operation: 'inode',
    path: `record ${node.record}`,
    reason: 'the record has been used for another file since',
  });
}
