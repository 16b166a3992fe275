import { equalBytes, toHex } from '@vmcraft/core/binary';
import { encodeData, type Hive, type HiveKey, type RegistryData, RegistryType } from '@vmcraft/format-regf';
import type { MachineHive } from './hive-file.js';

/** One change of the registry that was made. */
export interface RegistryChange {
  readonly hive: MachineHive;
  /** From the root of the hive, names divided by backslashes. */
  readonly key: string;
  /** Undefined when the key itself was made or deleted; empty for the default value. */
  readonly name?: string;
  readonly action: 'set' | 'create' | 'delete';
  /** Registry type by number, of a value that was set. */
  readonly type?: number;
  /** Bytes as hexadecimal digits. */
  readonly data?: string | number | readonly string[];
}

/**
 * Changes a hive in memory and keeps account: what is as wanted already is not touched, so that doing all again changes nothing.
 * Nothing reaches the guest before {@link commit}.
 */
export class RegistryEditor {
  readonly changes: RegistryChange[] = [];

  constructor(
    readonly hive: Hive,
    readonly name: MachineHive,
  ) {}

  /** Data of a value; undefined when there is none. */
  async data(key: string, name: string): Promise<RegistryData | undefined> {
    return (await (await this.hive.key(key))?.value(name))?.data;
  }

  async hasKey(key: string): Promise<boolean> {
    return (await this.hive.key(key)) !== undefined;
  }

  /** Make a key with those above it. */
  async createKey(key: string): Promise<HiveKey> {
    const found = await this.hive.key(key);
    if (found !== undefined) return found;
    this.changes.push({ hive: this.name, key, action: 'create' });
    return this.hive.root.createKey(key);
  }

  /** Set a value unless it has that type and data. */
  async set(key: string, name: string, type: number, data: RegistryData): Promise<void> {
    const existing = await (await this.hive.key(key))?.value(name);
    if (existing?.type === type && equalBytes(existing.raw, encodeData(type, data))) return;
    const target = (await this.hive.key(key)) ?? (await this.hive.root.createKey(key));
    await target.setValue(name, type, data);
    this.changes.push({ hive: this.name, key, name, action: 'set', type, data: plain(data) });
  }

  setString(key: string, name: string, text: string): Promise<void> {
    return this.set(key, name, RegistryType.REG_SZ, text);
  }

  setExpandString(key: string, name: string, text: string): Promise<void> {
    return this.set(key, name, RegistryType.REG_EXPAND_SZ, text);
  }

  setDword(key: string, name: string, value: number): Promise<void> {
    return this.set(key, name, RegistryType.REG_DWORD, value);
  }

  setBinary(key: string, name: string, bytes: Uint8Array): Promise<void> {
    return this.set(key, name, RegistryType.REG_BINARY, bytes);
  }

  setStrings(key: string, name: string, list: readonly string[]): Promise<void> {
    return this.set(key, name, RegistryType.REG_MULTI_SZ, list);
  }

  /** Add strings to a list, each once whatever its case. */
  async addStrings(key: string, name: string, added: readonly string[]): Promise<void> {
    const existing = await this.data(key, name);
    const list = Array.isArray(existing) ? [...(existing as readonly string[])] : [];
    for (const text of added) if (!list.some((known) => sameText(known, text))) list.push(text);
    await this.setStrings(key, name, list);
  }

  /** Take a string out of a list; an empty list goes with its value. */
  async removeString(key: string, name: string, text: string): Promise<void> {
    const existing = await this.data(key, name);
    if (!Array.isArray(existing)) return;
    const list = (existing as readonly string[]).filter((known) => !sameText(known, text));
    if (list.length === existing.length) return;
    if (list.length === 0) await this.deleteValue(key, name);
    else await this.setStrings(key, name, list);
  }

  async deleteValue(key: string, name: string): Promise<void> {
    if ((await (await this.hive.key(key))?.deleteValue(name)) !== true) return;
    this.changes.push({ hive: this.name, key, name, action: 'delete' });
  }

  /** Delete a key with all below it. */
  async deleteKey(key: string): Promise<void> {
    const found = await this.hive.key(key);
    if (found === undefined) return;
    await found.delete();
    this.changes.push({ hive: this.name, key, action: 'delete' });
  }

  /** Write the hive back, when anything changed. */
  async commit(): Promise<void> {
    if (this.changes.length > 0) await this.hive.commit();
  }
}

const sameText = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** Data as JSON can hold it. */
function plain(data: RegistryData): string | number | readonly string[] {
  if (data instanceof Uint8Array) return toHex(data);
  return typeof data === 'bigint' ? data.toString() : data;
}
