import type { BlockDevice, IoOptions, Peekable } from '../../contracts/index.js';
import { isPeekable } from '../../contracts/index.js';
import { CapabilityError, CorruptImageError, isVmcraftError } from '../../errors/index.js';
import { checkSpan } from '../span.js';
import {
  type ArrayMember,
  type ArrayOptions,
  areWritable,
  flushAll,
  isReadable,
  sectorSizeOf,
} from './array-member.js';

/** RAID 1: every member holds everything. Reads from the first that is there and in sync, writes to all. */
export class MirrorArray implements BlockDevice, Peekable {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable: boolean;
  readonly #members: readonly (ArrayMember | undefined)[];
  readonly #name: string;

  /**
   * @param size bytes of each member that belong to the array
   * @throws CorruptImageError when no member is there
   */
  constructor(members: readonly (ArrayMember | undefined)[], size: number, options: ArrayOptions = {}) {
    this.#name = options.name ?? 'mirror';
    if (!members.some((m) => m !== undefined && m.inSync !== 0)) {
      throw new CorruptImageError({ structure: this.#name, reason: 'no member that is in sync is there' });
    }
    this.#members = members;
    this.size = size;
    this.sectorSize = sectorSizeOf(members);
    this.writable = areWritable(members, options);
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    checkSpan(this.#name, this.size, offset, length);
    let failure: unknown;
    for (const member of this.#members) {
      if (!isReadable(member, offset, length)) continue;
      try {
        return await member.device.read(offset, length, options);
      } catch (error) {
        if (!isVmcraftError(error) || error.code === 'VMC_ABORTED') throw error;
        failure ??= error;
      }
    }
    const reason = 'no member that is in sync can be read here';
    throw new CorruptImageError({ structure: this.#name, offset, reason }, failure);
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    const member = this.#members.find((m) => isReadable(m, offset, length));
    if (member === undefined || !isPeekable(member.device) || offset + length > this.size) return undefined;
    return member.device.peek(offset, length);
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    if (!this.writable) throw CapabilityError.readOnly(this.#name);
    checkSpan(this.#name, this.size, offset, data.length);
    for (const member of this.#members) await member?.device.write(offset, data, options);
  }

  flush(): Promise<void> {
    return flushAll(this.#members);
  }

  async close(): Promise<void> {}
}
