import { encodeUtf16 } from '@vmcraft/core/binary';
import { FsError } from '@vmcraft/core/errors';
import { type FileTarget, pourInto, type Session } from '@vmcraft/core/guest';
import { Vfs } from '@vmcraft/core/vfs';
import {
  encodeRegFile,
  exportReg,
  type Hive,
  type HiveKey,
  type RegistryData,
  type RegistryTypeLike,
  type RegVersion,
} from '@vmcraft/format-regf';
import { numberOf } from '../inspect/hive-reader.js';
import { openGuestHive } from './guest-hive.js';
import { HiveLocator } from './hive-location.js';
import { type HiveName, parseRegistryPath, type RegistryPath, registryPrefix } from './registry-path.js';
import { dataFor, guessType, type ListedValue, listedValue, parseType } from './registry-value.js';

/** What a key holds. */
export interface ListedKey {
  /** Names of the subkeys. */
  readonly keys: readonly string[];
  readonly values: readonly ListedValue[];
  /** ISO 8601, UTC. */
  readonly lastWritten?: string;
}

/** Where something in the registry is. */
export interface RegistryPlace {
  readonly hive: string;
  readonly key: string;
  /** Whose hive it is, for `NTUSER.DAT`, `UsrClass.dat` and `HKCU`. */
  readonly user?: string | undefined;
}

/** The registry of the Windows that is mounted. Each call opens the hive it needs; a change is in the file when the call returns. */
export class GuestRegistry {
  constructor(
    private readonly g: Session,
    private readonly operation: string,
  ) {}

  /** The data of a value, decoded by its type. @throws FsError ENOENT, CorruptImageError when the bytes do not fit the type */
  read(place: RegistryPlace, name: string): Promise<RegistryData> {
    return this.withKey(place, async (key) => {
      const value = await key.value(name);
      if (value === undefined) throw this.#missing(place, `there is no value '${name}' in the key`);
      return value.data;
    });
  }

  /** Names of subkeys, and values. @throws FsError ENOENT */
  list(place: RegistryPlace): Promise<ListedKey> {
    return this.withKey(place, async (key) => ({
      keys: await key.subkeyNames(),
      values: (await key.valueList()).map(listedValue),
      ...(key.lastWritten === undefined ? {} : { lastWritten: key.lastWritten.toISOString() }),
    }));
  }

  /**
   * Set a value, making its key where it is not there.
   * @throws UsageError when the data does not fit the type; nothing is written then
   */
  write(place: RegistryPlace, name: string, data: RegistryData, type?: RegistryTypeLike | string): Promise<void> {
    const given = type === undefined ? undefined : parseType(type);
    return this.edit(place, async (hive, path) => {
      const existing = given === undefined ? await (await hive.key(path))?.value(name) : undefined;
      const number = given ?? guessType(data, existing);
      const converted = dataFor(number, data);
      await hive.transaction(async () => (await hive.root.createKey(path)).setValue(name, number, converted));
    });
  }

  /** Delete a value, or, without a name, a key with all below it. @throws FsError ENOENT, EPERM for the root of a hive */
  remove(place: RegistryPlace, name?: string): Promise<void> {
    return this.edit(place, async (hive, path) => {
      const key = await hive.key(path);
      if (key === undefined) throw this.#missing(place, 'there is no such key');
      if (name === undefined) await key.delete();
      else if (!(await key.deleteValue(name))) throw this.#missing(place, `there is no value '${name}' in the key`);
    });
  }

  /** Work on a key for reading. @throws FsError ENOENT */
  withKey<T>(place: RegistryPlace, work: (key: HiveKey, hive: Hive) => Promise<T>): Promise<T> {
    const { hive: name, key: path } = this.parse(place);
    return this.withHive(name, false, async (hive) => {
      const key = await hive.key(await resolveControlSet(hive, name, path));
      if (key === undefined) throw this.#missing(place, 'there is no such key');
      return work(key, hive);
    });
  }

  /** Work on a hive for writing; it is written back when `work` is done, and left alone when it throws. */
  edit<T>(place: RegistryPlace, work: (hive: Hive, key: string) => Promise<T>): Promise<T> {
    const { hive: name, key } = this.parse(place);
    return this.withHive(name, true, async (hive) => {
      const result = await work(hive, await resolveControlSet(hive, name, key));
      await hive.commit();
      return result;
    });
  }

  /**
   * Write a key and all below it as a .reg file.
   * @param version 5 (UTF-16) or 4 (`REGEDIT4`)
   * @throws FsError ENOENT; UnsupportedFeatureError for what such a file cannot hold
   */
  export(place: RegistryPlace, target: FileTarget, version: RegVersion = 5): Promise<void> {
    const { hive: name, key: path } = this.parse(place);
    return this.withHive(name, false, async (hive) => {
      const at = await resolveControlSet(hive, name, path);
      const key = await hive.key(at);
      if (key === undefined) throw this.#missing(place, 'there is no such key');
      const prefix = [registryPrefix(name), at].filter((part) => part !== '').join('\\');
      await pourInto(this.g, target, regBytes(key, prefix, version), this.operation);
    });
  }

  parse({ hive, key, user }: RegistryPlace): RegistryPath {
    return parseRegistryPath(hive, key, user);
  }

  /** Open a hive wherever it lies. Changes reach it by its `commit()`. */
  async withHive<T>(name: HiveName, writable: boolean, work: (hive: Hive) => Promise<T>): Promise<T> {
    const { g, operation } = this;
    const { mountable, path } = await new HiveLocator(g, operation).locate(name);
    const options = { writable, operation, warn: g.warn };
    if (mountable === undefined) return work(await openGuestHive(g.vfs, path, options));
    return g.withFilesystem(mountable, !writable, async (fs) => {
      const vfs = new Vfs();
      await vfs.mount(fs, '/', { source: mountable, readonly: !writable || fs.readonly });
      return work(await openGuestHive(vfs, path, options));
    });
  }

  #missing({ hive, key }: RegistryPlace, reason: string): FsError {
    const place = key === '' ? hive : `${hive}\\${key}`;
    return new FsError('ENOENT', { operation: this.operation, path: place, reason: `${reason}: ${place}` });
  }
}

async function* regBytes(key: HiveKey, prefix: string, version: RegVersion): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  for await (const text of exportReg(key, { version, prefix })) {
    yield isFirst || version === 4 ? encodeRegFile(text, version) : encodeUtf16(text);
    isFirst = false;
  }
}

/** The path with the control set that `CurrentControlSet` stands for; only running systems have that link. */
export async function resolveControlSet(hive: Hive, name: HiveName, path: string): Promise<string> {
  const isSystem = name.kind === 'file' || (name.kind === 'machine' && name.hive === 'SYSTEM');
  if (
    !isSystem ||
    !/^CurrentControlSet(?=\\|$)/i.test(path) ||
    (await hive.root.subkey('CurrentControlSet')) !== undefined
  )
    return path;
  const current = numberOf(await (await hive.key('Select'))?.value('Current'));
  if (current === undefined) {
    throw new FsError('ENOENT', {
      operation: 'registry',
      path,
      reason: 'SYSTEM\\Select does not say which control set is current',
    });
  }
  return path.replace(/^CurrentControlSet/i, `ControlSet${String(current).padStart(3, '0')}`);
}
