import { CorruptImageError } from '@vmcraft/core/errors';
import type { BlockStore } from './block-store.js';
import type { ExtChecksum } from './checksum.js';
import { descriptorBlockAt, type Geometry } from './geometry.js';
import { GroupDescriptor } from './group-descriptor.js';

/** The table of group descriptors, read block by block as groups are needed. */
export class GroupTable {
  readonly #tables = new Map<number, number>();

  constructor(
    private readonly store: BlockStore,
    private readonly geometry: Geometry,
    private readonly checksum: ExtChecksum,
  ) {}

  /** Block of the device that holds a group's descriptor. */
  blockOf(group: number): number {
    return descriptorBlockAt(this.geometry, Math.floor(group / this.geometry.descriptorsPerBlock));
  }

  /** A group's descriptor. Not to be changed. @throws CorruptImageError when its checksum is wrong or it points outside */
  async read(group: number): Promise<GroupDescriptor> {
    const block = this.blockOf(group);
    return this.#at(group, block, this.store.peek(block) ?? (await this.store.read(block)));
  }

  /** A group's descriptor to change; its checksum follows by itself. */
  async modify(group: number): Promise<GroupDescriptor> {
    await this.read(group);
    const block = this.blockOf(group);
    const { descriptorsPerBlock, descriptorSize, groupCount } = this.geometry;
    const first = group - (group % descriptorsPerBlock);
    const data = await this.store.modify(
      block,
      (sealed) => {
        for (let i = 0; i < descriptorsPerBlock && first + i < groupCount; i++) {
          const raw = sealed.subarray(i * descriptorSize, (i + 1) * descriptorSize);
          new GroupDescriptor(first + i, raw).seal(this.checksum);
        }
      },
      true,
    );
    const at = (group - first) * descriptorSize;
    return new GroupDescriptor(group, data.subarray(at, at + descriptorSize));
  }

  /** First block of a group's inode table, if it is known without reading. */
  peekInodeTable(group: number): number | undefined {
    return this.#tables.get(group);
  }

  /** First block of a group's inode table. */
  async inodeTable(group: number): Promise<number> {
    const known = this.#tables.get(group);
    if (known !== undefined) return known;
    const table = (await this.read(group)).inodeTable;
    this.#tables.set(group, table);
    return table;
  }

  #at(group: number, block: number, data: Uint8Array): GroupDescriptor {
    const { descriptorsPerBlock, descriptorSize } = this.geometry;
    const at = (group % descriptorsPerBlock) * descriptorSize;
    const descriptor = new GroupDescriptor(group, data.subarray(at, at + descriptorSize));
    this.#verify(descriptor, block, at);
    return descriptor;
  }

  #verify(d: GroupDescriptor, block: number, at: number): void {
    if (this.store.isDirty(block)) return;
    if (this.#verifiedGroups.has(d.group)) return;
    const offset = block * this.geometry.blockSize + at;
    if (!d.verify(this.checksum)) {
      const expected = this.checksum.groupDescriptor(d.group, d.raw);
      const structure = 'ext4_group_desc';
      throw new CorruptImageError({ structure, field: 'bg_checksum', offset, expected, found: d.checksum });
    }
    const { blocksCount, inodeTableBlocks } = this.geometry;
    const outside =
      !inside(d.blockBitmap, 1, blocksCount) ||
      !inside(d.inodeBitmap, 1, blocksCount) ||
      !inside(d.inodeTable, inodeTableBlocks, blocksCount);
    if (outside) {
      const reason = `group ${d.group} points outside the file system`;
      throw new CorruptImageError({ structure: 'ext4_group_desc', offset, reason });
    }
    this.#verifiedGroups.add(d.group);
  }

  readonly #verifiedGroups = new Set<number>();
}

function inside(first: number, count: number, end: number): boolean {
  return first > 0 && first + count <= end;
}
