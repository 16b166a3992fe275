import { mapBlocks } from './block-map.js';
import type { InodeFacts } from './check-facts.js';
import type { Findings } from './check-findings.js';
import { nameBytes, type Region, regions } from './directory.js';
import { entryRules, indexEntriesOffset, type RawEntry, visitEntries } from './directory-block.js';
import { type DxNode, type DxRoot, directoryHash, readDxNode, readDxRoot } from './htree.js';
import { inlineDirectory } from './inline-data.js';
import type { Inode } from './inode.js';
import { DIR_TYPE, FL, INO_ROOT, RO_COMPAT } from './layout.js';
import type { Volume } from './volume.js';

/** `file_type` of an entry by the upper four bits of a mode. */
const TYPE_BY_MODE: Readonly<Record<number, number>> = {
  1: DIR_TYPE.FIFO,
  2: DIR_TYPE.CHAR,
  4: DIR_TYPE.DIR,
  6: DIR_TYPE.BLOCK,
  8: DIR_TYPE.FILE,
  10: DIR_TYPE.LINK,
  12: DIR_TYPE.SOCKET,
};
const MODE_DIR = 4;
const SLASH = 0x2f;
const DOT = 0x2e;

/** Pass 2 to 4: names, the tree they make, and link counts. */
export class DirectoryPass {
  constructor(
    private readonly volume: Volume,
    private readonly facts: InodeFacts,
    private readonly findings: Findings,
  ) {}

  async run(): Promise<void> {
    for (const ino of this.facts.directories) {
      await this.findings.attempt(async () => {
        const inode = await this.volume.inodes.read(ino);
        if (inode.has(FL.ENCRYPT)) await this.#names(inode);
        else await this.#directory(inode);
      });
    }
  }

  async #directory(inode: Inode): Promise<void> {
    await this.#names(inode);
    if (inode.has(FL.INDEX) && !inode.has(FL.INLINE_DATA)) await this.#index(inode);
  }

  async #names(inode: Inode): Promise<void> {
    if (inode.has(FL.INLINE_DATA)) this.facts.dotDots.set(inode.ino, inlineDirectory(inode).parent);
    let first = !inode.has(FL.INLINE_DATA);
    for await (const region of regions(this.volume, inode)) {
      await this.findings.attempt(async () => this.#region(inode, region, first));
      first = false;
    }
  }

  #region(inode: Inode, region: Region, first: boolean): void {
    const rules = entryRules(this.volume);
    const names = new Set<string>();
    let index = 0;
    visitEntries(region.data, region.start, region.end, rules, (entry) => {
      const slot = first ? index : 2;
      index += 1;
      if (slot < 2) this.#dots(inode, entry, region.data, slot);
      else if (entry.ino !== 0) this.#entry(inode, entry, region.data, names);
      return undefined;
    });
    if (first && index < 2) this.findings.error(`directory ${inode.ino} has no '.' and '..'`);
  }

  #dots(inode: Inode, entry: RawEntry, data: Uint8Array, slot: number): void {
    const name = nameBytes(data, entry);
    const wanted = slot + 1;
    if (entry.nameLength !== wanted || !name.every((byte) => byte === DOT)) {
      this.findings.error(`directory ${inode.ino} does not begin with '.' and '..'`);
      return;
    }
    if (slot === 0 && entry.ino !== inode.ino) this.findings.error(`directory ${inode.ino}: '.' leads to ${entry.ino}`);
    if (slot === 1) this.facts.dotDots.set(inode.ino, entry.ino);
    if (this.volume.hasType && entry.fileType !== DIR_TYPE.DIR)
      this.findings.error(`directory ${inode.ino}: '.' or '..' has type ${entry.fileType}`);
  }

  #entry(inode: Inode, entry: RawEntry, data: Uint8Array, names: Set<string>): void {
    const { findings, facts } = this;
    const name = nameBytes(data, entry);
    const text = String.fromCharCode(...name);
    const where = `directory ${inode.ino}: entry '${text}'`;
    const dots = entry.nameLength <= 2 && name.every((byte) => byte === DOT);
    if (entry.nameLength === 0 || dots) findings.error(`${where} has no name of its own`);
    else if (!inode.has(FL.ENCRYPT) && (name.includes(SLASH) || name.includes(0)))
      findings.error(`${where} has forbidden characters`);
    if (names.has(text)) findings.error(`${where} occurs twice`);
    names.add(text);
    const type = facts.typeOf(entry.ino);
    if (type === undefined) {
      findings.error(`${where} leads to inode ${entry.ino}, which is not in use`);
      return;
    }
    if (entry.ino < this.volume.geometry.firstInode)
      findings.error(`${where} leads to the reserved inode ${entry.ino}`);
    if (this.volume.hasType && entry.fileType !== (TYPE_BY_MODE[type] ?? 0)) {
      findings.error(`${where} has type ${entry.fileType}, its inode ${TYPE_BY_MODE[type]}`);
    }
    facts.refer(entry.ino);
    if (type !== MODE_DIR) return;
    if (facts.parents.has(entry.ino)) findings.error(`directory ${entry.ino} has more than one name`);
    else facts.parents.set(entry.ino, inode.ino);
  }

  /** Every block of an indexed directory is a node or a leaf, once; names lie where their hashes lead. */
  async #index(inode: Inode): Promise<void> {
    const { volume, findings } = this;
    const root = await readDxRoot(volume, inode);
    const seen = new Set<number>([0]);
    const visit = async (node: DxNode, level: number, from: number, to: number): Promise<void> => {
      for (let i = 0; i < node.count; i++) {
        const low = i === 0 ? from : node.hash(i);
        const high = i + 1 < node.count ? node.hash(i + 1) : to;
        if (low < from || high < low) findings.error(`directory ${inode.ino}: index hashes out of order`);
        const logical = node.child(i);
        if (seen.has(logical)) {
          findings.error(`directory ${inode.ino}: index leads to block ${logical} twice`);
          continue;
        }
        seen.add(logical);
        if (level > 0) await visit(await readDxNode(volume, inode, logical), level - 1, low, high);
        else await this.#leaf(inode, root, logical, low, high);
      }
    };
    await visit(root.node, root.levels, 0, 0xffffffff);
    const blocks = Math.ceil(inode.size / volume.geometry.blockSize);
    if (seen.size !== blocks)
      findings.error(`directory ${inode.ino}: its index leads to ${seen.size} of ${blocks} blocks`);
  }

  async #leaf(inode: Inode, root: DxRoot, logical: number, low: number, high: number): Promise<void> {
    const { volume, findings } = this;
    const { physical } = await mapBlocks(volume, inode, logical, 1);
    if (physical === 0) return;
    const data = await volume.store.read(physical);
    if (volume.checksum.metadata && indexEntriesOffset(data, volume.geometry.blockSize) !== undefined) {
      findings.error(`directory ${inode.ino}: block ${logical} is an index node where a leaf belongs`);
      return;
    }
    let wrong = 0;
    visitEntries(data, 0, data.length, entryRules(volume), (entry) => {
      if (entry.ino === 0) return undefined;
      const hash = directoryHash(volume, root.hashing, nameBytes(data, entry));
      // The lowest bit of a bound says that equal hashes go on in the leaf before it.
      if (hash < (low & ~1) >>> 0 || hash > high) wrong += 1;
      return undefined;
    });
    if (wrong > 0)
      findings.error(`directory ${inode.ino}: ${wrong} names in block ${logical} lie outside their hash range`);
  }

  /** Pass 3: every directory hangs below the root, and knows its parent. */
  connectivity(): void {
    const { facts, findings } = this;
    if (facts.typeOf(INO_ROOT) !== MODE_DIR) findings.error('there is no root directory');
    const connected = new Set<number>([INO_ROOT]);
    for (const ino of facts.directories) {
      const way: number[] = [];
      const onWay = new Set<number>();
      let at: number | undefined = ino;
      while (at !== undefined && !connected.has(at) && !onWay.has(at)) {
        way.push(at);
        onWay.add(at);
        at = facts.parents.get(at);
      }
      if (at !== undefined && connected.has(at)) for (const each of way) connected.add(each);
      else findings.error(`directory ${ino} is not connected to the root`);
      const parent = ino === INO_ROOT ? INO_ROOT : facts.parents.get(ino);
      const said = facts.dotDots.get(ino);
      if (parent !== undefined && said !== undefined && said !== parent) {
        findings.error(`directory ${ino}: '..' leads to ${said}, its parent is ${parent}`);
      }
    }
  }

  /** Pass 4: as many links as names. */
  linkCounts(): void {
    const { facts, findings, volume } = this;
    const children = new Map<number, number>();
    for (const parent of facts.parents.values()) children.set(parent, (children.get(parent) ?? 0) + 1);
    const manySubdirectories = volume.superblock.hasRoCompat(RO_COMPAT.DIR_NLINK);
    for (const { ino, type, links, references } of facts.all()) {
      if (facts.nameless.has(ino) || (ino < volume.geometry.firstInode && ino !== INO_ROOT)) continue;
      if (references === 0 && ino !== INO_ROOT) {
        findings.error(`inode ${ino} has no name`);
        continue;
      }
      const wanted = type === MODE_DIR ? 2 + (children.get(ino) ?? 0) : references;
      if (links === wanted) continue;
      // With dir_nlink, one link stands for more than the field once held, and stays.
      if (type === MODE_DIR && manySubdirectories && links === 1) continue;
      findings.error(`inode ${ino} has ${links} links, ${wanted} found`);
    }
  }
}
