import type { IoOptions, NewNode, SetAttributes } from '@vmcraft/core/contracts';
import { CapabilityError, FsError, messageOf } from '@vmcraft/core/errors';
import { BlockAllocator } from './allocator.js';
import {
  dropCapability,
  removeAttribute,
  setAttribute,
  setAttributes,
  setInodeFlags,
  setInodeGeneration,
} from './attributes.js';
import { type Change, currentTime } from './change.js';
import { requireReadable } from './file-data.js';
import { FileWriter } from './file-write.js';
import type { Inode } from './inode.js';
import { InodeAllocator } from './inode-allocator.js';
import { writeLabel, writeUuid } from './label.js';
import { FL, STATE_VALID, SUPERBLOCK_OFFSET } from './layout.js';
import { createNode, linkNode, removeDirectory, renameName, unlinkName } from './namespace.js';
import { refuseIf } from './permission.js';
import { type TuneSettings, tuneSuperblock } from './tune.js';
import type { Volume } from './volume.js';
import { XattrSharing } from './xattr-sharing.js';

/** Changed metadata held back at most, bytes. */
const MAX_DIRTY = 8 * 1024 * 1024;

/** Runs changing operations one after another: each is applied whole or leaves nothing behind. */
export class Writer {
  readonly #blocks: BlockAllocator;
  readonly #inodes: InodeAllocator;
  readonly #sharing = new XattrSharing();
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #marked = false;
  #wasValid = false;
  #failed: unknown;
  #closed = false;

  constructor(readonly volume: Volume) {
    this.#blocks = new BlockAllocator(volume);
    this.#inodes = new InodeAllocator(volume);
  }

  /** Settles when the operations under way are over; undefined when there is none. */
  get busy(): Promise<unknown> | undefined {
    return this.#waiting === 0 ? undefined : this.#tail;
  }

  /** Run one operation after those before it. @throws CapabilityError after a failure or `close` */
  run<T>(operation: (change: Change) => Promise<T>): Promise<T> {
    return this.#queue(async () => {
      this.#requireUsable();
      await this.#markMounted();
      const { store, superblock } = this.volume;
      const before = superblock.raw.slice();
      const change = this.#change();
      store.begin();
      let result: T;
      try {
        result = await operation(change);
      } catch (error) {
        store.rollback();
        superblock.raw.set(before);
        this.#forget();
        throw error;
      }
      store.commit();
      if (store.dirtyCount * store.blockSize > MAX_DIRTY) await this.#flush();
      return result;
    });
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const result = this.#tail.then(work).finally(() => {
      this.#waiting -= 1;
    });
    this.#tail = result.catch(() => undefined);
    return result;
  }

  #change(): Change {
    return {
      volume: this.volume,
      blocks: this.#blocks,
      inodes: this.#inodes,
      sharing: this.#sharing,
      now: currentTime(),
    };
  }

  #forget(): void {
    this.#blocks.reset();
    this.#inodes.reset();
    this.#sharing.reset();
  }

  #requireUsable(): void {
    if (this.#closed) throw CapabilityError.readOnly('ext4 file system', 'it is closed');
    if (this.#failed === undefined) return;
    throw CapabilityError.readOnly('ext4 file system', `writing failed before: ${messageOf(this.#failed)}`);
  }

  /** Before the first change the superblock says that the file system is in use, as a mount does. */
  async #markMounted(): Promise<void> {
    if (this.#marked) return;
    const { superblock } = this.volume;
    const state = superblock.get('state');
    this.#wasValid = (state & STATE_VALID) !== 0;
    const now = currentTime();
    superblock.set({ state: state & ~STATE_VALID, mountCount: (superblock.get('mountCount') + 1) & 0xffff });
    superblock.setTime('mountTime', now);
    await this.#guarded(() => this.#writeSuperblock());
    this.#marked = true;
  }

  async #writeSuperblock(): Promise<void> {
    const { superblock, store } = this.volume;
    superblock.setTime('writeTime', currentTime());
    superblock.seal();
    await store.device.write(SUPERBLOCK_OFFSET, superblock.raw.slice());
  }

  /** A device that fails while metadata is written leaves us no way to go on. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#failed = error;
      throw error;
    }
  }

  #flush(): Promise<void> {
    return this.#guarded(async () => {
      await this.volume.store.flush();
      await this.#writeSuperblock();
    });
  }

  /** Write everything held back. The file system is whole then, though marked as in use. */
  sync(): Promise<void> {
    return this.#queue(async () => {
      this.#requireUsable();
      if (!this.#marked) return;
      await this.#flush();
      await this.#guarded(() => this.volume.store.device.flush());
    });
  }

  /** Write everything and mark the file system clean again. */
  close(): Promise<void> {
    return this.#queue(async () => {
      if (this.#closed) return;
      this.#closed = true;
      if (!this.#marked || this.#failed !== undefined) return;
      const { superblock, store } = this.volume;
      await store.flush();
      if (this.#wasValid) superblock.set({ state: superblock.get('state') | STATE_VALID });
      await this.#writeSuperblock();
      await store.device.flush();
    });
  }

  create(dir: number, name: string, init: NewNode): Promise<number> {
    return this.run((change) => createNode(change, dir, name, init));
  }
  link(ino: number, dir: number, name: string): Promise<void> {
    return this.run((change) => linkNode(change, ino, dir, name));
  }
  unlink(dir: number, name: string): Promise<void> {
    return this.run((change) => unlinkName(change, dir, name));
  }
  rmdir(dir: number, name: string): Promise<void> {
    return this.run((change) => removeDirectory(change, dir, name));
  }
  rename(fromDir: number, fromName: string, toDir: number, toName: string): Promise<void> {
    return this.run((change) => renameName(change, fromDir, fromName, toDir, toName));
  }

  write(ino: number, offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    return this.run(async (change) => {
      requireSpan(offset, data.length, 'write');
      const { size } = await this.volume.inodes.live(ino);
      const forbidden = offset === size ? FL.IMMUTABLE | FL.VERITY : FL.IMMUTABLE | FL.APPEND | FL.VERITY;
      const inode = await this.#file(change, ino, 'write', forbidden);
      if (data.length === 0) return;
      await new FileWriter(change, inode).write(offset, data, options);
      await contentsChanged(change, inode);
    });
  }
  truncate(ino: number, size: number): Promise<void> {
    return this.run(async (change) => {
      requireSpan(size, 0, 'truncate');
      const inode = await this.#file(change, ino, 'truncate', FL.IMMUTABLE | FL.APPEND | FL.VERITY);
      await new FileWriter(change, inode).truncate(size);
      await contentsChanged(change, inode);
    });
  }
  punchHole(ino: number, offset: number, length: number): Promise<void> {
    return this.run(async (change) => {
      requireSpan(offset, length, 'punchHole');
      if (length === 0) throw new FsError('EINVAL', { operation: 'punchHole' });
      const inode = await this.#file(change, ino, 'punchHole', FL.IMMUTABLE | FL.APPEND | FL.VERITY);
      await new FileWriter(change, inode).punch(offset, length);
      await contentsChanged(change, inode);
    });
  }
  allocate(ino: number, offset: number, length: number): Promise<void> {
    return this.run(async (change) => {
      requireSpan(offset, length, 'allocate');
      if (length === 0) throw new FsError('EINVAL', { operation: 'allocate' });
      const inode = await this.#file(change, ino, 'allocate', FL.IMMUTABLE | FL.VERITY);
      await new FileWriter(change, inode).allocate(offset, length);
      await contentsChanged(change, inode);
    });
  }

  /** A regular file to change. */
  async #file(change: Change, ino: number, operation: string, forbidden: number): Promise<Inode> {
    const inode = await change.volume.inodes.live(ino);
    if (inode.isDirectory) throw new FsError('EISDIR', { operation, path: `inode ${ino}` });
    if (!inode.isRegular) throw new FsError('EINVAL', { operation, path: `inode ${ino}` });
    refuseIf(inode, forbidden, operation);
    requireReadable(inode);
    return change.volume.inodes.modify(ino);
  }

  setattr(ino: number, attributes: SetAttributes): Promise<void> {
    return this.run((change) => setAttributes(change, ino, attributes));
  }
  setXattr(ino: number, name: string, value: Uint8Array): Promise<void> {
    return this.run((change) => setAttribute(change, ino, name, value));
  }
  removeXattr(ino: number, name: string): Promise<void> {
    return this.run((change) => removeAttribute(change, ino, name));
  }
  setFlags(ino: number, flags: number): Promise<void> {
    return this.run((change) => setInodeFlags(change, ino, flags));
  }
  setGeneration(ino: number, generation: number): Promise<void> {
    return this.run((change) => setInodeGeneration(change, ino, generation));
  }
  setLabel(label: string): Promise<void> {
    return this.run((change) => writeLabel(change, label));
  }
  setUuid(uuid: string): Promise<void> {
    return this.run((change) => writeUuid(change, uuid));
  }
  tune(settings: TuneSettings): Promise<void> {
    return this.run((change) => tuneSuperblock(change, settings));
  }
}

function requireSpan(offset: number, length: number, operation: string): void {
  if (offset >= 0 && length >= 0 && Number.isSafeInteger(offset + length)) return;
  throw new FsError('EINVAL', { operation });
}

async function contentsChanged(change: Change, inode: Inode): Promise<void> {
  inode.setTime('mtime', change.now);
  inode.setTime('ctime', change.now);
  await dropCapability(change, inode);
}
