import { type Fact, messageOf } from '@vmcraft/core';
import { decodeString, type Hive, type HiveKey, type HiveValue } from '@vmcraft/format-regf';

/** Types of values that hold text: REG_SZ and REG_EXPAND_SZ. */
const TEXT_TYPES: ReadonlySet<number> = new Set([1, 2]);

/** Reads facts from a hive. What is missing, damaged or of the wrong type is not there; damage is said once. */
export class HiveReader {
  constructor(
    readonly hive: Hive,
    /** Path of the hive in the guest. */
    readonly source: string,
    readonly warnings: string[],
  ) {}

  key(path: string): Promise<HiveKey | undefined> {
    return this.#attempt(path, () => this.hive.key(path));
  }

  /** Subkeys of a key; none when it is missing. */
  async subkeys(path: string): Promise<readonly HiveKey[]> {
    return (await this.#attempt(path, async () => (await this.hive.key(path))?.subkeyList())) ?? [];
  }

  /** Values of a key; none when it is missing. */
  async values(path: string): Promise<readonly HiveValue[]> {
    return (await this.#attempt(path, async () => (await this.hive.key(path))?.valueList())) ?? [];
  }

  value(path: string, name: string): Promise<HiveValue | undefined> {
    return this.#attempt(path, async () => (await this.hive.key(path))?.value(name));
  }

  /** Text that is not empty. */
  async text(path: string, name: string): Promise<Fact<string> | undefined> {
    const text = textOf(await this.value(path, name));
    return text === undefined ? undefined : this.fact(text);
  }

  async number(path: string, name: string): Promise<Fact<number> | undefined> {
    const number = numberOf(await this.value(path, name));
    return number === undefined ? undefined : this.fact(number);
  }

  async bytes(path: string, name: string): Promise<Uint8Array | undefined> {
    return (await this.value(path, name))?.raw;
  }

  fact<T>(value: T): Fact<T> {
    return { value, source: this.source };
  }

  /** One damaged key must not hide the rest of the hive. */
  async #attempt<T>(path: string, work: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const warning = `${this.source}: ${path}: ${messageOf(error)}`;
      if (!this.warnings.includes(warning)) this.warnings.push(warning);
      return undefined;
    }
  }
}

/** The text of a REG_SZ or REG_EXPAND_SZ value; undefined when it is none or empty. */
export function textOf(value: HiveValue | undefined): string | undefined {
  if (value === undefined || !TEXT_TYPES.has(value.type)) return undefined;
  const text = decodeString(value.raw);
  return text === '' ? undefined : text;
}

/** The number of a REG_DWORD value. */
export function numberOf(value: HiveValue | undefined): number | undefined {
  if (value === undefined || value.type !== 4 || value.raw.length !== 4) return undefined;
  return new DataView(value.raw.buffer, value.raw.byteOffset, 4).getUint32(0, true);
}
