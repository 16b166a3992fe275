import type { BlockDevice, IoOptions, Peekable } from '../../contracts/index.js';
import { isPeekable } from '../../contracts/index.js';
import { CapabilityError, CorruptImageError } from '../../errors/index.js';
import { checkSpan, throwIfAborted } from '../span.js';
import {
  type ArrayMember,
  type ArrayOptions,
  areWritable,
  flushAll,
  isReadable,
  sectorSizeOf,
} from './array-member.js';
import { xorInto } from './gf256.js';
import { computeP, computeQ, recoverData, updateParity } from './parity.js';
import type { ParityLayout, StripeRoles } from './parity-layout.js';
import { readPieces } from './read-pieces.js';
import { Turns } from './turns.js';

/** Bytes that are read of each member at a time. */
const MAX_RUN = 1 << 20;

/** How to make a {@link ParityArray}. */
export interface ParityArrayOptions extends ArrayOptions {
  readonly layout: ParityLayout;
  /** Bytes of a chunk; a multiple of 512. */
  readonly chunkSize: number;
  /** Bytes of each member that belong to the array; a multiple of the chunk. */
  readonly memberSize: number;
  /** Parity may be wrong (a resync has not ended): it is always computed anew from all data. */
  readonly parityUnsure?: boolean;
}

/** RAID 4, 5 or 6: reads also with as many members missing as there are parities, writes with parity. */
export class ParityArray implements BlockDevice, Peekable {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable: boolean;
  readonly #members: readonly (ArrayMember | undefined)[];
  readonly #options: ParityArrayOptions;
  readonly #name: string;
  /** Writes of parity, and reads that depend on it, one after the other. */
  readonly #turns = new Turns();

  /** @throws CorruptImageError when more members are missing than there are parities */
  constructor(members: readonly (ArrayMember | undefined)[], options: ParityArrayOptions) {
    const { layout, memberSize } = options;
    this.#name = options.name ?? 'array';
    const missing = members.filter((m) => m === undefined).length;
    if (members.length !== layout.disks || missing > layout.parities) {
      const reason = `${missing} of ${layout.disks} members are missing, parity makes up for ${layout.parities}`;
      throw new CorruptImageError({ structure: this.#name, reason });
    }
    this.#members = members;
    this.#options = options;
    this.size = memberSize * layout.dataDisks;
    this.sectorSize = sectorSizeOf(members);
    this.writable = areWritable(members, options);
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    checkSpan(this.#name, this.size, offset, length);
    throwIfAborted(options?.signal, 'read');
    const { chunkSize } = this.#options;
    if (length > 0 && (offset % chunkSize) + length <= chunkSize) return this.#readPiece(offset, length, options);
    if (length >= chunkSize * this.#options.layout.dataDisks) return this.#readStripes(offset, length, options);
    return readPieces(offset, length, chunkSize, (at, run) => this.#readPiece(at, run, options));
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    const { chunkSize } = this.#options;
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) return undefined;
    if ((offset % chunkSize) + length > chunkSize) return undefined;
    const { roles, slot, at } = this.#locate(offset);
    const member = this.#members[roles.data[slot]!];
    if (!isReadable(member, at, length) || !isPeekable(member.device)) return undefined;
    return member.device.peek(at, length);
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    if (!this.writable) throw CapabilityError.readOnly(this.#name);
    checkSpan(this.#name, this.size, offset, data.length);
    const stripeSize = this.#options.chunkSize * this.#options.layout.dataDisks;
    await this.#turns.take(async () => {
      for (let done = 0; done < data.length; ) {
        throwIfAborted(options?.signal, 'write');
        const run = Math.min(stripeSize - ((offset + done) % stripeSize), data.length - done);
        await this.#writeStripe(offset + done, data.subarray(done, done + run), options);
        done += run;
      }
    });
  }

  flush(): Promise<void> {
    return flushAll(this.#members);
  }

  async close(): Promise<void> {}

  /** Where a byte of the array lies. */
  #locate(offset: number): { readonly roles: StripeRoles; readonly slot: number; readonly at: number } {
    const { chunkSize, layout } = this.#options;
    const chunk = Math.floor(offset / chunkSize);
    const stripe = Math.floor(chunk / layout.dataDisks);
    const roles = layout.stripes[stripe % layout.stripes.length]!;
    return { roles, slot: chunk - stripe * layout.dataDisks, at: stripe * chunkSize + (offset % chunkSize) };
  }

  /** Many stripes at once: one run of each member, and what is missing from the others. */
  async #readStripes(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const { chunkSize, layout } = this.#options;
    const stripeSize = chunkSize * layout.dataDisks;
    const most = Math.max(1, Math.floor(MAX_RUN / chunkSize)) * stripeSize;
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const run = Math.min(most - (at % stripeSize), length - done);
      await this.#readRows(at, out.subarray(done, done + run), options);
      done += run;
    }
    return out;
  }

  async #readRows(offset: number, out: Uint8Array, options?: IoOptions): Promise<void> {
    const { chunkSize, layout } = this.#options;
    const stripeSize = chunkSize * layout.dataDisks;
    const row = Math.floor(offset / stripeSize);
    const start = row * chunkSize;
    const length = (Math.floor((offset + out.length - 1) / stripeSize) - row + 1) * chunkSize;
    const missing = this.#members.filter((member) => !isReadable(member, start, length)).length;
    if (missing > layout.parities) {
      out.set(await readPieces(offset, out.length, chunkSize, (at, run) => this.#readPiece(at, run, options)));
      return;
    }
    const isFixed = layout.stripes.length === 1;
    const read = async (disk: number): Promise<Uint8Array | undefined> => {
      const isParity = isFixed && layout.stripes[0]!.slots[disk]! < 0;
      return missing === 0 && isParity ? undefined : this.#readDisk(disk, start, length, options);
    };
    const fetch = async (): Promise<void> => {
      const runs = await Promise.all(this.#members.map((_, disk) => read(disk)));
      this.#scatter(runs, row, offset - row * stripeSize, out);
    };
    await (missing === 0 ? fetch() : this.#turns.take(fetch));
  }

  /** Put chunks of runs of all members, which begin at a row, in the order of addresses; `skip` bytes of the first stripe are not wanted. */
  #scatter(runs: readonly (Uint8Array | undefined)[], row: number, skip: number, out: Uint8Array): void {
    const { chunkSize, layout } = this.#options;
    let place = -skip;
    for (let i = 0; place < out.length; i++) {
      const roles = layout.stripes[(row + i) % layout.stripes.length]!;
      const chunkOf = (disk: number) => runs[disk]?.subarray(i * chunkSize, (i + 1) * chunkSize);
      const data = roles.data.map(chunkOf);
      recoverData({ data, p: chunkOf(roles.p), q: chunkOf(roles.q), exponents: roles.exponents });
      for (const chunk of data) {
        const from = Math.max(0, -place);
        const end = Math.min(chunkSize, out.length - place);
        if (from < end) out.set(chunk!.subarray(from, end), place + from);
        place += chunkSize;
      }
    }
  }

  async #readPiece(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const { roles, slot, at } = this.#locate(offset);
    const member = this.#members[roles.data[slot]!];
    if (isReadable(member, at, length)) return member.device.read(at, length, options);
    return this.#turns.take(async () => (await this.#readData(roles, at, length, options))[slot]!);
  }

  async #readDisk(disk: number, at: number, length: number, options?: IoOptions): Promise<Uint8Array | undefined> {
    const member = this.#members[disk];
    return disk >= 0 && isReadable(member, at, length) ? member.device.read(at, length, options) : undefined;
  }

  /** A range of every data chunk of a stripe; those of missing members from parity. */
  async #readData(roles: StripeRoles, at: number, length: number, options?: IoOptions): Promise<Uint8Array[]> {
    const data = await Promise.all(roles.data.map((disk) => this.#readDisk(disk, at, length, options)));
    const missing = data.filter((chunk) => chunk === undefined).length;
    if (missing === 0) return data as Uint8Array[];
    const [p, q] = await Promise.all([roles.p, roles.q].map((disk) => this.#readDisk(disk, at, length, options)));
    const available = (p === undefined ? 0 : 1) + (q === undefined ? 0 : 1);
    if (missing > available) {
      const reason = `${missing} data chunks of a stripe are missing or out of sync, and ${available} parity chunks are there`;
      throw new CorruptImageError({ structure: this.#name, offset: at, reason });
    }
    recoverData({ data, p, q, exponents: roles.exponents });
    return data as Uint8Array[];
  }

  /** Write within one stripe. The parts of its chunks that change are widened to one range that all chunks share. */
  async #writeStripe(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    const { chunkSize, layout, parityUnsure } = this.#options;
    const { roles, slot, at } = this.#locate(offset);
    const last = this.#locate(offset + data.length - 1).slot;
    const isWithinChunk = slot === last;
    const start = isWithinChunk ? at : at - (at % chunkSize);
    const length = isWithinChunk ? data.length : chunkSize;
    const touched = last - slot + 1;
    const pieces: Piece[] = [];
    for (let done = 0, s = slot; s <= last; s++) {
      const within = s === slot ? at - start : 0;
      const run = Math.min(length - within, data.length - done);
      pieces.push({ slot: s, within, data: data.subarray(done, done + run) });
      done += run;
    }
    const isWhole = data.length === length * layout.dataDisks;
    const isUpdatable = parityUnsure !== true && !isWhole && touched + layout.parities < layout.dataDisks - touched + 1;
    const range = { roles, start, length };
    if (isUpdatable && this.#isAllReadable(start, length)) return this.#update(range, pieces, options);
    return this.#reconstruct(range, pieces, isWhole, options);
  }

  #isAllReadable(start: number, length: number): boolean {
    return this.#members.every((member) => isReadable(member, start, length));
  }

  /** Read-modify-write: parity changes by what the data changes. */
  async #update({ roles, start, length }: Range, pieces: readonly Piece[], options?: IoOptions): Promise<void> {
    const read = (disk: number) => this.#readDisk(disk, start, length, options);
    const [p, q] = (await Promise.all([roles.p, roles.q].map(read))).map((chunk) => chunk?.slice());
    const old = await Promise.all(pieces.map((piece) => read(roles.data[piece.slot]!)));
    for (const [i, piece] of pieces.entries()) {
      const delta = new Uint8Array(length);
      delta.set(piece.data, piece.within);
      const before = old[i]!.subarray(piece.within, piece.within + piece.data.length);
      xorInto(delta.subarray(piece.within, piece.within + piece.data.length), before);
      updateParity(delta, roles.exponents[piece.slot]!, p!, q);
    }
    await this.#store({ roles, start, length }, pieces, p!, q, options);
  }

  /** Reconstruct-write: parity from all data of the stripe. */
  async #reconstruct(range: Range, pieces: readonly Piece[], isWhole: boolean, options?: IoOptions): Promise<void> {
    const { roles, start, length } = range;
    const data = isWhole
      ? pieces.map((piece) => piece.data)
      : (await this.#readData(roles, start, length, options)).map((chunk) => chunk.slice());
    if (!isWhole) for (const piece of pieces) data[piece.slot]!.set(piece.data, piece.within);
    const q = roles.q < 0 ? undefined : computeQ(data, roles.exponents);
    await this.#store(range, pieces, computeP(data), q, options);
  }

  async #store(
    { roles, start }: Range,
    pieces: readonly Piece[],
    p: Uint8Array,
    q: Uint8Array | undefined,
    options?: IoOptions,
  ): Promise<void> {
    for (const { slot, within, data } of pieces) {
      await this.#members[roles.data[slot]!]?.device.write(start + within, data, options);
    }
    await this.#members[roles.p]?.device.write(start, p, options);
    if (q !== undefined) await this.#members[roles.q]?.device.write(start, q, options);
  }
}

/** Part of a stripe: the same bytes of each of its chunks. */
interface Range {
  readonly roles: StripeRoles;
  /** Offset on every member. */
  readonly start: number;
  readonly length: number;
}

/** New bytes of one data chunk, at `within` from the start of the range. */
interface Piece {
  readonly slot: number;
  readonly within: number;
  readonly data: Uint8Array;
}
