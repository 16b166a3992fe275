import { compareBytes } from '@vmcraft/core/binary';
import { FsError } from '@vmcraft/core/errors';
import type { Change } from './change.js';
import { makeValueInode, releaseValueInode, retainValueInode } from './ea-inode.js';
import { goalOfInode } from './extent-edit.js';
import type { Inode } from './inode.js';
import { INCOMPAT, XATTR_HEADER_SIZE, XATTR_MAGIC, XATTR_REFCOUNT_MAX, xattrHeaderLayout } from './layout.js';
import type { Volume } from './volume.js';
import {
  compareXattrs,
  encodeXattrs,
  type StoredXattr,
  xattrBlockHash,
  xattrEntryHash,
  xattrsSize,
} from './xattr-codec.js';
import { hasKey, inodeXattrArea, inodeXattrs } from './xattr-inode.js';
import type { XattrKey } from './xattr-name.js';
import { readXattrBlock, type XattrBlock } from './xattr-read.js';

/** Longest value that Linux takes (`XATTR_SIZE_MAX`). */
const VALUE_MAX = 65536;

/** Changes the extended attributes of one inode. The inode must be one to change. */
export class XattrEditor {
  constructor(
    private readonly change: Change,
    private readonly inode: Inode,
  ) {}

  /** Set an attribute, in the inode if it fits there, else in the block, else in an inode of its own. @throws FsError ENOSPC */
  async set(key: XattrKey, value: Uint8Array): Promise<void> {
    const { volume } = this.change;
    if (value.length > VALUE_MAX)
      throw new FsError('ENOSPC', { operation: 'setxattr', reason: 'the value is too long' });
    const block = await readXattrBlock(volume, this.inode);
    const inBody = inodeXattrs(this.inode);
    const old = [...inBody, ...(block?.list ?? [])].find((x) => hasKey(x, key));
    const without = {
      body: inBody.filter((x) => !hasKey(x, key)),
      block: (block?.list ?? []).filter((x) => !hasKey(x, key)),
    };
    const placed = await this.#place(without, { ...key, value, valueInode: 0, size: value.length, hash: 0 });
    this.#storeBody(placed.body);
    await this.#storeBlock(block, placed.block);
    if (lists(placed).some((x) => hasKey(x, key) && x.valueInode !== 0)) this.#charge(value.length);
    await this.#releaseOld(old, block);
  }

  /** The inode is charged for values apart too, in whole clusters, however many inodes share one. */
  #charge(bytes: number): void {
    const { clusterSize } = this.change.volume.geometry;
    this.#account(Math.sign(bytes) * Math.ceil(Math.abs(bytes) / clusterSize));
  }

  /** The value's inode loses a reference, unless the attribute lives on in a block that others share. */
  async #releaseOld(old: StoredXattr | undefined, block: XattrBlock | undefined): Promise<void> {
    if (old === undefined || old.valueInode === 0) return;
    this.#charge(-old.size);
    if (block !== undefined && block.refcount > 1 && block.list.includes(old)) return;
    await releaseValueInode(this.change, old.valueInode);
  }

  async #place(rest: Lists, x: StoredXattr): Promise<Lists> {
    const body = [...rest.body, x];
    if (this.#fitsBody(body)) return { ...rest, body };
    const inBlock = [...rest.block, x];
    if (this.#fitsBlock(inBlock)) return { ...rest, block: inBlock };
    const { superblock } = this.change.volume;
    if (!superblock.hasIncompat(INCOMPAT.EA_INODE)) throw new FsError('ENOSPC', { operation: 'setxattr' });
    const apart = await makeValueInode(this.change, this.inode, x);
    if (this.#fitsBody([...rest.body, apart])) return { ...rest, body: [...rest.body, apart] };
    if (this.#fitsBlock([...rest.block, apart])) return { ...rest, block: [...rest.block, apart] };
    throw new FsError('ENOSPC', { operation: 'setxattr' });
  }

  #fitsBody(list: readonly StoredXattr[]): boolean {
    const area = inodeXattrArea(this.inode);
    return area !== undefined && xattrsSize(list) <= area.end - area.entries;
  }

  /** Whether these attributes, with the ones that are in the inode, may be kept there. */
  fitsInInode(list: readonly StoredXattr[]): boolean {
    return this.#fitsBody(list);
  }

  #fitsBlock(list: readonly StoredXattr[]): boolean {
    return xattrsSize(list) <= this.change.volume.geometry.blockSize - XATTR_HEADER_SIZE;
  }

  /** Remove an attribute. @returns false when there is none */
  async remove(key: XattrKey): Promise<boolean> {
    const block = await readXattrBlock(this.change.volume, this.inode);
    const inBody = inodeXattrs(this.inode);
    const old = [...inBody, ...(block?.list ?? [])].find((x) => hasKey(x, key));
    if (old === undefined) return false;
    if (inBody.includes(old)) this.#storeBody(inBody.filter((x) => x !== old));
    else
      await this.#storeBlock(
        block,
        block!.list.filter((x) => x !== old),
      );
    await this.#releaseOld(old, block);
    return true;
  }

  /** Drop all attributes, as the inode is going away. */
  async releaseAll(): Promise<void> {
    const block = await readXattrBlock(this.change.volume, this.inode);
    const apart = inodeXattrs(this.inode).filter((x) => x.valueInode !== 0);
    const last = block !== undefined && block.refcount <= 1;
    if (last) apart.push(...block.list.filter((x) => x.valueInode !== 0));
    if (block !== undefined) await this.#dropBlock(block);
    for (const x of apart) await releaseValueInode(this.change, x.valueInode);
  }

  /** Replace the attributes in the inode; they must fit. */
  storeInInode(list: readonly StoredXattr[]): void {
    this.#storeBody(list);
  }

  #storeBody(list: readonly StoredXattr[]): void {
    const area = inodeXattrArea(this.inode);
    if (area === undefined) return;
    const { raw, view } = this.inode;
    raw.fill(0, area.entries - 4);
    if (list.length === 0) return;
    view.setUint32(area.entries - 4, XATTR_MAGIC, true);
    // Entries in an inode have no hash, but for those whose value is apart.
    encodeXattrs(
      raw,
      area,
      list.map((x) => (x.valueInode === 0 ? { ...x, hash: 0 } : x)),
    );
  }

  async #storeBlock(old: XattrBlock | undefined, list: readonly StoredXattr[]): Promise<void> {
    if (old === undefined && list.length === 0) return;
    if (old !== undefined && sameList(old.list, list)) return;
    if (list.length === 0) return this.#dropBlock(old!);
    const sorted = list.map(withHash).sort(compareXattrs);
    const twin = await this.#twin(sorted, old);
    if (twin !== undefined) {
      await this.#adjustReferences(twin, 1);
      if (old !== undefined) await this.#dropBlock(old);
      this.#account(1);
      this.inode.attributeBlock = twin.block;
      return;
    }
    if (old !== undefined && old.refcount <= 1) {
      this.change.sharing.forget(old.block);
      return this.#writeBlock(old.block, sorted);
    }
    const run = await this.change.blocks.allocate(goalOfInode(this.change, this.inode), 1);
    if (old !== undefined) {
      await this.#retainValues(sorted, old.list);
      await this.#dropBlock(old);
    }
    this.#account(1);
    this.inode.attributeBlock = run.block;
    this.#writeBlock(run.block, sorted);
  }

  /** An equal block of another inode that may be shared. */
  async #twin(list: readonly StoredXattr[], old: XattrBlock | undefined): Promise<XattrBlock | undefined> {
    const hash = xattrBlockHash(list);
    const block = this.change.sharing.find(hash);
    if (hash === 0 || block === undefined || block === old?.block) return undefined;
    if (list.some((x) => x.valueInode !== 0)) return undefined;
    const probe = Object.create(this.inode, { attributeBlock: { value: block } }) as Inode;
    const twin = await readXattrBlock(this.change.volume, probe);
    if (twin === undefined || twin.refcount >= XATTR_REFCOUNT_MAX || !sameList(twin.list, list)) return undefined;
    return twin;
  }

  /** A copy of a shared block refers to the same value inodes once more. */
  async #retainValues(list: readonly StoredXattr[], before: readonly StoredXattr[]): Promise<void> {
    for (const x of list) {
      const kept = x.valueInode !== 0 && before.some((y) => y.valueInode === x.valueInode);
      if (kept) await retainValueInode(this.change, x.valueInode);
    }
  }

  /** Give up the inode's reference to its block. */
  async #dropBlock(old: XattrBlock): Promise<void> {
    const { geometry } = this.change.volume;
    this.inode.attributeBlock = 0;
    this.#account(-1);
    if (old.refcount > 1) return this.#adjustReferences(old, -1);
    this.change.sharing.forget(old.block);
    await this.change.blocks.free(old.block, geometry.clusterRatio);
  }

  async #adjustReferences(shared: XattrBlock, by: number): Promise<void> {
    const data = await this.change.volume.store.modify(shared.block, xattrSeal(this.change.volume, shared.block));
    xattrHeaderLayout.encodeInto({ refcount: shared.refcount + by }, data);
  }

  #writeBlock(block: number, list: readonly StoredXattr[]): void {
    const { volume, sharing } = this.change;
    const data = volume.store.fresh(block, xattrSeal(volume, block));
    const hash = xattrBlockHash(list);
    xattrHeaderLayout.encodeInto({ magic: XATTR_MAGIC, refcount: 1, blocks: 1, hash }, data);
    encodeXattrs(data, { entries: XATTR_HEADER_SIZE, base: 0, end: data.length }, list);
    if (list.every((x) => x.valueInode === 0)) sharing.remember(hash, block);
  }

  #account(clusters: number): void {
    this.inode.blocks += (clusters * this.change.volume.geometry.clusterSize) / 512;
  }
}

interface Lists {
  readonly body: readonly StoredXattr[];
  readonly block: readonly StoredXattr[];
}

function lists({ body, block }: Lists): StoredXattr[] {
  return [...body, ...block];
}

function withHash(x: StoredXattr): StoredXattr {
  return x.valueInode === 0 ? { ...x, hash: xattrEntryHash(x.name, x.value) } : x;
}

function sameList(a: readonly StoredXattr[], b: readonly StoredXattr[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((x, i) => {
    const y = b[i]!;
    return compareXattrs(x, y) === 0 && x.valueInode === y.valueInode && compareBytes(x.value, y.value) === 0;
  });
}

function xattrSeal(volume: Volume, block: number): ((data: Uint8Array) => void) | undefined {
  const { checksum } = volume;
  if (!checksum.metadata) return undefined;
  return (data) => xattrHeaderLayout.encodeInto({ checksum: checksum.xattrBlock(block, data) }, data);
}
