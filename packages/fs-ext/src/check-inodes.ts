import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '@vmcraft/core/contracts';
import { isBaseBlock } from './bitmap.js';
import type { InodeFacts } from './check-facts.js';
import type { Findings } from './check-findings.js';
import { type MapFacts, type MapWalk, walkExtents, walkIndirect } from './check-map.js';
import type { BlockUsage } from './check-usage.js';
import { groupOfBlock } from './geometry.js';
import type { Inode } from './inode.js';
import { BG_INODE_UNINIT, FL, INO_BAD_BLOCKS, INO_RESIZE, INO_ROOT } from './layout.js';
import { isFastSymlink } from './symlink.js';
import type { Volume } from './volume.js';
import type { StoredXattr } from './xattr-codec.js';
import { hasKey, INLINE_DATA_KEY, inodeXattrs } from './xattr-inode.js';
import { readXattrBlock } from './xattr-read.js';

const TYPES = new Set([S_IFSOCK, S_IFLNK, S_IFREG, S_IFBLK, S_IFDIR, S_IFCHR, S_IFIFO]);
/** The kernel takes no file beyond this many blocks' worth of logical numbers. */
const MAX_LOGICAL = 2 ** 32 - 1;

/** Pass 1: inodes, the blocks they own, their sizes. */
export class InodePass {
  /** References to attribute blocks: block to count seen and count stored. */
  readonly #attributeBlocks = new Map<number, { seen: number; stored: number }>();

  constructor(
    private readonly volume: Volume,
    private readonly usage: BlockUsage,
    private readonly facts: InodeFacts,
    private readonly findings: Findings,
  ) {}

  async run(): Promise<void> {
    const g = this.volume.geometry;
    for (let group = 0; group < g.groupCount; group++) {
      const d = await this.findings.attempt(() => this.volume.groups.read(group));
      if (d === undefined) continue;
      const lazy = this.volume.checksum.descriptors;
      if (lazy && (d.flags & BG_INODE_UNINIT) !== 0) continue;
      const count = lazy ? g.inodesPerGroup - Math.min(d.itableUnused, g.inodesPerGroup) : g.inodesPerGroup;
      for (let index = 0; index < count; index++) await this.#inspect(group * g.inodesPerGroup + index + 1);
    }
    for (const [block, { seen, stored }] of this.#attributeBlocks) {
      if (seen !== stored) this.findings.error(`attribute block ${block} says ${stored} references, ${seen} found`);
    }
  }

  async #inspect(ino: number): Promise<void> {
    const { volume, findings } = this;
    const raw = await findings.attempt(() => this.#raw(ino));
    if (raw === undefined) return;
    const special = ino < volume.geometry.firstInode;
    const links = raw.links;
    const kept = ino === INO_BAD_BLOCKS || (special && raw.mode !== 0) || this.facts.nameless.has(ino);
    if (links === 0 && !kept) {
      if (raw.mode !== 0 && raw.dtime === 0) findings.error(`inode ${ino} was deleted but has no deletion time`);
      return;
    }
    const inode = await findings.attempt(() => volume.inodes.read(ino));
    if (inode === undefined) {
      this.facts.add(ino, raw.mode >>> 12, links);
      return;
    }
    if (inode.dtime !== 0 && links > 0 && !special && !this.facts.nameless.has(ino))
      findings.error(`inode ${ino} is in use but has a deletion time`);
    this.facts.add(ino, inode.mode >>> 12, links);
    if (inode.has(FL.EA_INODE)) this.facts.nameless.add(ino);
    await findings.attempt(() => this.#checkInode(inode));
  }

  /** The inode without checks of its contents: an unused one may hold anything. */
  async #raw(ino: number): Promise<{ mode: number; links: number; dtime: number }> {
    const { volume } = this;
    const { block, at } = await volume.inodes.locate(ino);
    const data = volume.store.peek(block) ?? (await volume.store.read(block));
    const u16 = (offset: number): number => data[at + offset]! | (data[at + offset + 1]! << 8);
    return { mode: u16(0), links: u16(0x1a), dtime: u16(0x14) | u16(0x16) };
  }

  async #checkInode(inode: Inode): Promise<void> {
    const { findings, volume } = this;
    const { ino } = inode;
    if (ino === INO_BAD_BLOCKS) {
      this.usage.begin(ino);
      const g = volume.geometry;
      await walkIndirect(this.#walk(inode), (block) => isBaseBlock(g, block) && groupOfBlock(g, block) > 0);
      return;
    }
    if (inode.mode === 0 && ino < volume.geometry.firstInode) return;
    if (!TYPES.has(inode.type)) {
      findings.error(`inode ${ino} has mode 0${inode.mode.toString(8)}`);
      return;
    }
    if (inode.isDirectory) this.facts.directories.push(ino);
    else if (ino === INO_ROOT) findings.error('the root inode is no directory');
    this.usage.begin(ino);
    const map = await this.#blocks(inode);
    const attributes = await this.#attributes(inode);
    const expected = ((map?.blocks ?? 0) + attributes) * (volume.geometry.blockSize / 512);
    if (map !== undefined || !inode.has(FL.INLINE_DATA)) {
      if (inode.blocks !== expected) findings.error(`inode ${ino} says ${inode.blocks} sectors, ${expected} found`);
    }
    if (map !== undefined) this.#checkSize(inode, map);
  }

  #walk(inode: Inode): MapWalk {
    return { volume: this.volume, inode, usage: this.usage, findings: this.findings };
  }

  /** Undefined for an inode without blocks of its own. */
  async #blocks(inode: Inode): Promise<MapFacts | undefined> {
    const { findings } = this;
    const none: MapFacts = { blocks: 0, end: 0, allocatedEnd: 0, mapped: 0 };
    if (inode.has(FL.INLINE_DATA)) {
      if (!inodeXattrs(inode).some((x) => hasKey(x, INLINE_DATA_KEY)))
        findings.error(`inode ${inode.ino} has lost its inline data`);
      return undefined;
    }
    if (inode.isRegular || inode.isDirectory || this.#isLongLink(inode)) {
      if (inode.ino === INO_RESIZE) return this.#resizeInode(inode);
      return inode.has(FL.EXTENTS) ? walkExtents(this.#walk(inode)) : walkIndirect(this.#walk(inode));
    }
    if (!inode.isSymlink) {
      if (inode.size !== 0) findings.error(`special inode ${inode.ino} has a size of ${inode.size}`);
      if (inode.has(FL.EXTENTS)) findings.error(`special inode ${inode.ino} is marked as having extents`);
    }
    return none;
  }

  #isLongLink(inode: Inode): boolean {
    if (!inode.isSymlink) return false;
    if (!isFastSymlink(this.volume, inode)) return true;
    const end = inode.block.indexOf(0);
    if (!inode.has(FL.ENCRYPT) && (end !== inode.size || inode.size === 0)) {
      this.findings.error(`symbolic link ${inode.ino} has a size of ${inode.size}`);
    }
    return false;
  }

  /** Reserved descriptor blocks belong to it and were counted as the groups' own already. */
  async #resizeInode(inode: Inode): Promise<MapFacts> {
    const { geometry: g } = this.volume;
    const facts = await walkIndirect(this.#walk(inode), (block) => {
      // With bigalloc, its own block may share a cluster with descriptors.
      if (g.clusterRatio > 1 && block < g.blocksCount) this.usage.takeMetadata(block, 1, 'resize inode');
      return g.clusterRatio > 1 || isBaseBlock(g, block);
    });
    const root = new DataView(inode.block.buffer, inode.block.byteOffset);
    const dind = root.getUint32(4 * 13, true);
    if (dind === 0) return facts;
    const table = (await this.volume.store.read(dind)).slice();
    const view = new DataView(table.buffer);
    for (let i = 0; i < g.blockSize / 4; i++) {
      const block = view.getUint32(4 * i, true);
      if (block !== 0 && !(isBaseBlock(g, block) && groupOfBlock(g, block) === 0)) {
        this.findings.error(`the resize inode names block ${block}, which is no reserved descriptor block`);
      }
    }
    return facts;
  }

  /** Blocks that attributes add to the inode's own count. */
  async #attributes(inode: Inode): Promise<number> {
    const own = this.#valuesApart(inodeXattrs(inode));
    const block = inode.attributeBlock;
    if (block === 0) return own;
    const known = this.#attributeBlocks.get(block);
    const stored = await this.findings.attempt(() => readXattrBlock(this.volume, inode));
    if (known !== undefined) known.seen += 1;
    else {
      this.usage.begin(inode.ino);
      this.usage.take(block, 1);
      this.#attributeBlocks.set(block, { seen: 1, stored: stored?.refcount ?? 1 });
    }
    return own + this.volume.geometry.clusterRatio + this.#valuesApart(stored?.list ?? []);
  }

  /** Blocks an inode is charged for values in inodes of their own: whole clusters. */
  #valuesApart(list: readonly StoredXattr[]): number {
    const { clusterSize, clusterRatio } = this.volume.geometry;
    let blocks = 0;
    for (const x of list) if (x.valueInode !== 0) blocks += Math.ceil(x.size / clusterSize) * clusterRatio;
    return blocks;
  }

  #checkSize(inode: Inode, map: MapFacts): void {
    const { blockSize } = this.volume.geometry;
    const { ino, size } = inode;
    if (!Number.isSafeInteger(size) || size > MAX_LOGICAL * blockSize) {
      this.findings.error(`inode ${ino} has a size of ${size}`);
      return;
    }
    if (inode.isDirectory) {
      if (size % blockSize !== 0 || size === 0) this.findings.error(`directory ${ino} has a size of ${size}`);
      else if (map.mapped * blockSize !== size || map.end * blockSize !== size) {
        this.findings.error(`directory ${ino} of ${size} bytes has ${map.mapped} blocks`);
      }
      return;
    }
    if (
      inode.isRegular &&
      ino !== INO_RESIZE &&
      map.end > 0 &&
      size < (map.end - 1) * blockSize &&
      !this.#keepsEnd(inode)
    ) {
      this.findings.error(`inode ${ino} of ${size} bytes has ${map.end} blocks`);
    }
    if (inode.isSymlink && map.mapped > 0 && (map.mapped !== 1 || size >= blockSize + 1 || size === 0)) {
      this.findings.error(`symbolic link ${ino} of ${size} bytes has ${map.mapped} blocks`);
    }
  }

  /** Verity files keep their tree behind the end. */
  #keepsEnd(inode: Inode): boolean {
    return inode.has(FL.VERITY);
  }
}
