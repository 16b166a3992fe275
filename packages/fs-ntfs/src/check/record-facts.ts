import { LimitExceededError } from '@vmcraft/core/errors';

/** Eleven bytes are kept of each. */
const MAX_RECORDS = 1 << 26;

/** What a check remembers of each record of $MFT, in few bytes: a large volume has millions. */
export class RecordFacts {
  /** Bits of {@link Fact}. */
  readonly #state: Uint8Array;
  readonly sequence: Uint16Array;
  /** $FILE_NAME attributes of a file. */
  readonly names: Uint16Array;
  /** Those of them that were met in a directory. */
  readonly met: Uint16Array;
  /** Of a directory: the record of the one it is in. */
  readonly parent: Uint32Array;

  /**
   * @param count records that $MFT has room for: the device bounds it, but a sparse image may say that it is of any size
   * @throws LimitExceededError
   */
  constructor(readonly count: number) {
    if (count > MAX_RECORDS)
      throw new LimitExceededError({ limit: 'records of $MFT that are checked', value: count, max: MAX_RECORDS });
    this.#state = new Uint8Array(count);
    this.sequence = new Uint16Array(count);
    this.names = new Uint16Array(count);
    this.met = new Uint16Array(count);
    this.parent = new Uint32Array(count);
  }

  set(record: number, fact: number): void {
    this.#state[record]! |= fact;
  }

  is(record: number, fact: number): boolean {
    return record < this.count && (this.#state[record]! & fact) !== 0;
  }
}

/** Facts of a record. */
export const Fact = {
  /** In use, for a file. */
  base: 1,
  /** In use, for more attributes of a file. */
  extension: 2,
  /** Such a record, named by the $ATTRIBUTE_LIST of its file. */
  listed: 4,
  directory: 8,
  /** Its attributes could be read. */
  readable: 16,
  /** A directory whose index could not be read to its end: what is not found in it may be there. */
  brokenIndex: 32,
  /** It has an index other than that of names. */
  viewIndex: 64,
} as const;
