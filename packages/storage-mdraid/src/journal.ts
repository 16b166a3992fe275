import { alignDown, crc32cRaw } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, LimitExceededError } from '@vmcraft/core/errors';
import type { ArraySet } from './array-set.js';
import { FEATURE, JOURNAL_BLOCK, JOURNAL_MAGIC, JournalBlock, JournalPayload, PAYLOAD, SECTOR } from './layout.js';
import { parityOf } from './levels.js';
import { MissingMemberError } from './missing-member.js';
import type { MdDevice } from './superblock.js';

/** Pages of a journal that are kept in mind: those of 16 GiB. */
const MAX_PAGES = 1 << 22;
const VERSION = 1;
const FLUSH_HEAD = 8;

/** Pages of an array that its journal has, and perhaps no member yet: where they lie on the journal's device, by where they belong. */
export interface JournalPages {
  readonly device: BlockDevice;
  readonly pages: ReadonlyMap<number, number>;
  /** Whether there is anything that the members may not have, parity included. */
  readonly isEmpty: boolean;
}

/**
 * What the write journal of an array holds, as md finds it when it assembles the array (Linux Documentation/driver-api/md/raid5-cache.rst,
 * include/uapi/linux/raid/md_p.h): blocks from its tail on, as long as numbers, places and checksums fit.
 * @throws MissingMemberError when the journal is not there; CorruptImageError when its first block is damaged, or a whole
 *   one has entries that are not known; LimitExceededError
 */
export async function readJournal(set: ArraySet): Promise<JournalPages | undefined> {
  const { superblock, journal, title } = set;
  if ((superblock.features & FEATURE.journal) === 0) return undefined;
  if (journal === undefined) {
    throw new MissingMemberError(title, 'its write journal is missing; add the disk that holds it');
  }
  return new JournalReader(set, journal).read();
}

/** One entry of a block. */
interface Payload {
  readonly type: number;
  /** Byte of the array, where it is data. */
  readonly location: number;
  readonly checksums: readonly number[];
  /** Stripes, where it is a flush. */
  readonly stripes: readonly bigint[];
}

class JournalReader {
  readonly #pages = new Map<number, number>();
  readonly #ring: number;
  readonly #seed: number;
  #isEmpty = true;

  constructor(
    private readonly set: ArraySet,
    private readonly journal: MdDevice,
  ) {
    this.#ring = alignDown(journal.superblock.dataSize, JOURNAL_BLOCK);
    this.#seed = crc32cRaw(0xffffffff, set.superblock.rawUuid);
  }

  async read(): Promise<JournalPages> {
    let at = Number(this.journal.superblock.journalTail) * SECTOR;
    let sequence: bigint | undefined;
    for (let done = 0; done < this.#ring && at < this.#ring; ) {
      const found = await this.#readBlock(at, sequence);
      if (found === undefined && sequence === undefined) await this.#requireUnused(at);
      if (found === undefined) break;
      sequence = found.sequence + 1n;
      let page = this.#after(at);
      for (const payload of found.payloads) {
        this.#take(payload, page);
        for (const _ of payload.checksums) page = this.#after(page);
      }
      const blocks = 1 + found.payloads.reduce((sum, p) => sum + p.checksums.length, 0);
      done += blocks * JOURNAL_BLOCK;
      at = page;
    }
    return { device: this.journal.device, pages: this.#pages, isEmpty: this.#isEmpty };
  }

  /** A journal that never was used has anything at its tail, but no block with this very place. @throws CorruptImageError */
  async #requireUnused(at: number): Promise<void> {
    const block = JournalBlock.decode(await this.#page(at));
    if (block.magic !== JOURNAL_MAGIC || block.position !== BigInt(at / SECTOR)) return;
    throw new CorruptImageError({
      structure: JournalBlock.name,
      offset: this.journal.superblock.dataOffset + at,
      reason: `the first block of the write journal of ${this.set.title}, or what it tells of, has a wrong checksum`,
    });
  }

  /** A block whose checksums are right, and those of everything that it tells of; undefined where the log ends. */
  async #readBlock(
    at: number,
    expected: bigint | undefined,
  ): Promise<{ readonly sequence: bigint; readonly payloads: readonly Payload[] } | undefined> {
    const data = await this.#page(at);
    const block = JournalBlock.decode(data);
    const isBlock = block.magic === JOURNAL_MAGIC && block.version === VERSION;
    if (!isBlock || block.position !== BigInt(at / SECTOR) || block.metaSize > JOURNAL_BLOCK) return undefined;
    if (expected !== undefined && block.sequence !== expected) return undefined;
    const sealed = data.slice();
    sealed.fill(0, 4, 8);
    if (crc32cRaw(this.#seed, sealed) >>> 0 !== block.checksum) return undefined;
    const payloads = payloadsOf(data, block.metaSize);
    if (payloads === undefined) {
      const offset = this.journal.superblock.dataOffset + at;
      const reason = `a block of the write journal of ${this.set.title} is whole, and has entries that are not known`;
      throw new CorruptImageError({ structure: JournalPayload.name, offset, reason });
    }
    let page = this.#after(at);
    for (const { checksums } of payloads) {
      for (const checksum of checksums) {
        if (crc32cRaw(this.#seed, await this.#page(page)) >>> 0 !== checksum) return undefined;
        page = this.#after(page);
      }
    }
    return { sequence: block.sequence, payloads };
  }

  #take({ type, location, stripes, checksums }: Payload, page: number): void {
    if (type === PAYLOAD.flush) {
      for (const stripe of stripes) this.#flush(Number(stripe) * SECTOR);
      return;
    }
    this.#isEmpty = false;
    if (type !== PAYLOAD.data) return;
    const { dataOffset } = this.journal.superblock;
    for (let i = 0, from = page; i < checksums.length; i++, from = this.#after(from)) {
      this.#pages.set(location + i * JOURNAL_BLOCK, dataOffset + from);
    }
    if (this.#pages.size > MAX_PAGES) {
      throw new LimitExceededError({ limit: 'pages of a write journal', value: this.#pages.size, max: MAX_PAGES });
    }
  }

  /** The members have what lies at a place of theirs: a page in each of their columns. */
  #flush(place: number): void {
    const { superblock, title } = this.set;
    const { chunkSize, disks } = superblock;
    const columns = disks - parityOf(superblock, title)[1];
    const first = Math.floor(place / chunkSize) * columns * chunkSize + (place % chunkSize);
    for (let column = 0; column < columns; column++) this.#pages.delete(first + column * chunkSize);
  }

  #after(at: number): number {
    return at + JOURNAL_BLOCK >= this.#ring ? at + JOURNAL_BLOCK - this.#ring : at + JOURNAL_BLOCK;
  }

  #page(at: number): Promise<Uint8Array> {
    return this.journal.device.read(this.journal.superblock.dataOffset + at, JOURNAL_BLOCK);
  }
}

/** Entries of a block; undefined when they are none. */
function payloadsOf(data: Uint8Array, end: number): Payload[] | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const payloads: Payload[] = [];
  for (let at = JournalBlock.size; at < end; ) {
    if (at + JournalPayload.size > data.length) return undefined;
    const { type, size, location } = JournalPayload.decode(data, at);
    const isFlush = type === PAYLOAD.flush;
    const pages = isFlush ? 0 : (size * SECTOR) / JOURNAL_BLOCK;
    const length = isFlush ? FLUSH_HEAD + size : JournalPayload.size + pages * 4;
    const isKnown = isFlush ? size % 8 === 0 : type <= PAYLOAD.parity && Number.isInteger(pages) && pages > 0;
    if (!isKnown || at + length > end) return undefined;
    const place = Number(location) * SECTOR;
    if (type === PAYLOAD.data && (!Number.isSafeInteger(place) || place % JOURNAL_BLOCK !== 0)) return undefined;
    payloads.push({
      type,
      location: place,
      checksums: Array.from({ length: pages }, (_, i) => view.getUint32(at + JournalPayload.size + i * 4, true)),
      stripes: Array.from({ length: isFlush ? size / 8 : 0 }, (_, i) =>
        view.getBigUint64(at + FLUSH_HEAD + i * 8, true),
      ),
    });
    at += length;
  }
  return payloads;
}
