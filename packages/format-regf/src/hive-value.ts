import { BASE_BLOCK_SIZE } from './layout.js';
import { decodeData } from './value-codec.js';
import { type RegistryData, type RegistryTypeName, registryTypeName } from './value-types.js';

/** A value of a key as it was when read; it does not change when the hive does. */
export class HiveValue {
  constructor(
    /** Offset of its key value cell from the first bin, in bytes. */
    readonly cell: number,
    /** Empty for the default value. */
    readonly name: string,
    /** See {@link RegistryType}; any 32-bit number occurs. */
    readonly type: number,
    /** The stored bytes. Not to be changed. */
    readonly raw: Uint8Array,
  ) {}

  /** Number that names this value, as hivex has it: the file offset of its cell. Valid until the hive changes. */
  get handle(): number {
    return this.cell + BASE_BLOCK_SIZE;
  }

  /** `REG_SZ` and so on; undefined for types without a name. */
  get typeName(): RegistryTypeName | undefined {
    return registryTypeName(this.type);
  }

  /**
   * The data by its type.
   * @throws CorruptImageError when the stored bytes do not fit the type
   */
  get data(): RegistryData {
    return decodeData(this.type, this.raw);
  }
}
