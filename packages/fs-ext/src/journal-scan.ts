import { viewOf } from '@vmcraft/core/binary';
import type { WarningSink } from '@vmcraft/core/contracts';
import { CorruptImageError, LimitExceededError } from '@vmcraft/core/errors';
import {
  commitIsGood,
  crc32be,
  dataIsGood,
  type JournalTag,
  readRevokes,
  readTags,
  tailIsGood,
} from './journal-block.js';
import type { JournalGeometry } from './journal-superblock.js';
import { JOURNAL_BLOCK, JOURNAL_CRC32, JOURNAL_MAGIC, journalCommitLayout, journalHeaderLayout } from './layout.js';

/** Most revocations kept; journals hold far fewer. */
const MAX_REVOKES = 4_000_000;
const CITATION = 'ext4 Data Structures and Algorithms, Journal (jbd2)';

/** Where the newest committed copy of a block lies. */
export interface JournalCopy {
  /** Block of the journal. */
  readonly at: number;
  readonly escaped: boolean;
}

/** What a journal holds that the file system does not yet. */
export interface JournalContents {
  /** By block of the file system. */
  readonly copies: ReadonlyMap<number, JournalCopy>;
  /** Sequence number of the transaction that would follow. */
  readonly nextSequence: number;
  readonly transactions: number;
}

/** Reads a block of the journal. */
export type JournalReader = (block: number) => Promise<Uint8Array>;

interface Transaction {
  readonly sequence: number;
  readonly tags: { readonly tag: JournalTag; readonly at: number }[];
  readonly revokes: number[];
  checksum: number;
}

/** How to scan. */
export interface JournalScanOptions {
  readonly read: JournalReader;
  readonly warn: WarningSink;
  /** A broken committed transaction is an error, not just the end of what can be used. */
  readonly strict: boolean;
}

/** Reads the log from its start as far as transactions are committed, and works out the newest copy of each block. */
export class JournalScan {
  readonly #committed: Transaction[] = [];
  #revokeCount = 0;

  constructor(
    private readonly geometry: JournalGeometry,
    private readonly options: JournalScanOptions,
  ) {}

  /** @throws CorruptImageError, LimitExceededError */
  async run(): Promise<JournalContents> {
    const { start, sequence } = this.geometry.fields;
    let next = sequence;
    if (start !== 0) next = await this.#scan(start, sequence);
    return { copies: await this.#resolve(), nextSequence: next, transactions: this.#committed.length };
  }

  async #scan(start: number, firstSequence: number): Promise<number> {
    const { first, last } = this.geometry;
    let sequence = firstSequence;
    let open = newTransaction(sequence);
    let at = start;
    const advance = (n: number): void => {
      at += n;
      if (at >= last) at -= last - first;
    };
    for (let visited = 0; visited < last - first; visited++) {
      const data = await this.options.read(at);
      const header = journalHeaderLayout.decode(data);
      if (header.magic !== JOURNAL_MAGIC || header.sequence !== sequence) break;
      if (header.blockType === JOURNAL_BLOCK.DESCRIPTOR) {
        if (!this.#goodTail(data, at)) break;
        const tags = readTags(this.geometry, data);
        await this.#describe(open, data, tags, at);
        visited += tags.length;
        advance(1 + tags.length);
      } else if (header.blockType === JOURNAL_BLOCK.REVOKE) {
        if (!this.#goodTail(data, at)) break;
        this.#revoke(open, data);
        advance(1);
      } else if (header.blockType === JOURNAL_BLOCK.COMMIT) {
        if (!this.#commitHolds(open, data, at)) break;
        this.#committed.push(open);
        sequence = (sequence + 1) >>> 0;
        open = newTransaction(sequence);
        advance(1);
      } else break;
    }
    return sequence;
  }

  /** A block of an unfinished or long gone transaction may be torn; that ends the log. */
  #goodTail(data: Uint8Array, at: number): boolean {
    if (tailIsGood(this.geometry, data)) return true;
    this.options.warn({ source: 'fs-ext', message: `the journal ends at its block ${at}, whose checksum is wrong` });
    return false;
  }

  async #describe(open: Transaction, data: Uint8Array, tags: readonly JournalTag[], at: number): Promise<void> {
    const { first, last, transactionChecksum } = this.geometry;
    if (transactionChecksum) open.checksum = crc32be(open.checksum, data);
    for (const [i, tag] of tags.entries()) {
      let place = at + 1 + i;
      if (place >= last) place -= last - first;
      if (place >= last) break;
      open.tags.push({ tag, at: place });
      if (transactionChecksum) open.checksum = crc32be(open.checksum, await this.options.read(place));
    }
  }

  #revoke(open: Transaction, data: Uint8Array): void {
    for (const block of readRevokes(this.geometry, data)) open.revokes.push(block);
    this.#revokeCount += open.revokes.length;
    if (this.#revokeCount > MAX_REVOKES) {
      throw new LimitExceededError({
        limit: 'revoked blocks of the journal',
        value: this.#revokeCount,
        max: MAX_REVOKES,
      });
    }
  }

  #commitHolds(open: Transaction, data: Uint8Array, at: number): boolean {
    const good = commitIsGood(this.geometry, data) && this.#transactionIsGood(open, data);
    if (good) return true;
    const reason = `transaction ${open.sequence} has a wrong checksum in its commit block ${at}`;
    if (this.options.strict && !this.geometry.asyncCommit) {
      throw new CorruptImageError({ structure: 'commit_header', field: 'h_chksum', reason, citation: CITATION });
    }
    this.options.warn({ source: 'fs-ext', message: `${reason}: it and what follows it are left out` });
    return false;
  }

  #transactionIsGood(open: Transaction, data: Uint8Array): boolean {
    if (!this.geometry.transactionChecksum) return true;
    const commit = journalCommitLayout.decode(data);
    const found = commit.checksum[0]!;
    if (commit.checksumType === 0 && commit.checksumSize === 0 && found === 0) return true;
    return commit.checksumType === JOURNAL_CRC32 && commit.checksumSize === 4 && found === open.checksum;
  }

  /** The newest copy of each block that no later transaction took back. */
  async #resolve(): Promise<Map<number, JournalCopy>> {
    const revoked = new Map<number, number>();
    for (const [n, { revokes }] of this.#committed.entries()) for (const block of revokes) revoked.set(block, n);
    const copies = new Map<number, JournalCopy>();
    for (const [n, { tags, sequence }] of this.#committed.entries()) {
      for (const { tag, at } of tags) {
        if ((revoked.get(tag.block) ?? -1) >= n) continue;
        await this.#verifyCopy(tag, at, sequence);
        copies.set(tag.block, { at, escaped: tag.escaped });
      }
    }
    return copies;
  }

  async #verifyCopy(tag: JournalTag, at: number, sequence: number): Promise<void> {
    if (this.geometry.checksums === 0) return;
    if (dataIsGood(this.geometry, tag, sequence, await this.options.read(at))) return;
    const reason = `copy of block ${tag.block} at block ${at} of the journal does not match its checksum`;
    throw new CorruptImageError({ structure: 'journal_block_tag_s', field: 't_checksum', reason, citation: CITATION });
  }
}

function newTransaction(sequence: number): Transaction {
  return { sequence, tags: [], revokes: [], checksum: 0xffffffff };
}

/** The block as it was before the journal escaped it. */
export function unescapeBlock(copy: JournalCopy, data: Uint8Array): Uint8Array {
  if (!copy.escaped) return data;
  const out = data.slice();
  viewOf(out).setUint32(0, JOURNAL_MAGIC);
  return out;
}
