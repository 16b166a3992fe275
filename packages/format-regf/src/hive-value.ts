import { BASE_BLOCK_SIZE } from './layout.js';
import { decodeData, decodeString } from './value-codec.js';
import { type RegistryData, RegistryType, type RegistryTypeName, registryTypeName } from './value-types.js';

/** A value of a key as it was when read; it does not change when the hive does. */
export class HiveValue {
  readonly #bytes: Uint8Array;
  readonly #at: number;

  /** @internal Its data are `size` bytes of `bytes` from `at` on, which nobody changes any more. */
  constructor(
    /** Offset of its key value cell from the first bin, in bytes. */
    readonly cell: number,
    /** Empty for the default value. */
    readonly name: string,
    /** See {@link RegistryType}; any 32-bit number occurs. */
    readonly type: number,
    /** Bytes of data. */
    readonly size: number,
    bytes: Uint8Array,
    at: number,
  ) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Number that names this value, as hivex has it: the file offset of its cell. Valid until the hive changes. */
  get handle(): number {
    return this.cell + BASE_BLOCK_SIZE;
  }

  /** `REG_SZ` and so on; undefined for types without a name. */
  get typeName(): RegistryTypeName | undefined {
    return registryTypeName(this.type);
  }

  /** The stored bytes. Not to be changed. */
  get raw(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#at + this.size);
  }

  /**
   * The data by its type.
   * @throws CorruptImageError when the stored bytes do not fit the type
   */
  get data(): RegistryData {
    const { type } = this;
    if (type === RegistryType.REG_SZ || type === RegistryType.REG_EXPAND_SZ) {
      return decodeString(this.#bytes, this.#at, this.size);
    }
    if (type === RegistryType.REG_DWORD && this.size === 4) {
      const [bytes, at] = [this.#bytes, this.#at];
      return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
    }
    return decodeData(type, this.raw);
  }
}
