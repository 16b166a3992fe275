import { encodeUtf8 } from '@vmcraft/core/binary';
import { FsError, UsageError } from '@vmcraft/core/errors';
import { isWindowsPath, type Session, windowsPath } from '@vmcraft/core/guest';
import { decodeString, type Hive, type HiveKey, type HiveValue, RegistryType } from '@vmcraft/format-regf';
import { openGuestHive } from '../registry/guest-hive.js';

const NEW_FILE = 0o644;
const CHUNK = 1 << 20;
/** Types whose data is text, as `hivex_value_string` takes them. */
const TEXT_TYPES: ReadonlySet<number> = new Set([
  RegistryType.REG_SZ,
  RegistryType.REG_EXPAND_SZ,
  RegistryType.REG_LINK,
]);

const handles = new WeakMap<Session, HivexHandle>();

/** The hive that is open in a session. @throws UsageError when none is */
export function currentHandle(g: Session): HivexHandle {
  const found = handles.get(g);
  if (found === undefined) throw new UsageError("you must call 'hivex-open' first to initialize the hivex handle");
  return found;
}

/** Open a hive; it takes the place of the one that was open. @throws FsError, CorruptImageError */
export async function openHandle(g: Session, path: string, write: boolean): Promise<void> {
  handles.delete(g);
  const hive = await openGuestHive(g.vfs, path, { writable: write, operation: 'hivex_open', warn: g.warn });
  handles.set(g, new HivexHandle(g, hive));
}

/** Forget the hive, and what was not committed. */
export function closeHandle(g: Session): void {
  currentHandle(g);
  handles.delete(g);
}

/** An open hive with keys and values by number, as hivex gives them. */
export class HivexHandle {
  constructor(
    private readonly g: Session,
    private readonly hive: Hive,
  ) {}

  root(): number {
    return this.hive.root.handle;
  }

  node(handle: number): Promise<HiveKey> {
    return this.hive.keyAt(handle);
  }

  value(handle: number): Promise<HiveValue> {
    return this.hive.valueAt(handle);
  }

  async nodeName(handle: number): Promise<string> {
    return (await this.node(handle)).name;
  }

  async children(handle: number): Promise<readonly number[]> {
    return (await (await this.node(handle)).subkeyList()).map((key) => key.handle);
  }

  async child(handle: number, name: string): Promise<number> {
    return (await (await this.node(handle)).subkey(name))?.handle ?? 0;
  }

  async parent(handle: number): Promise<number> {
    const parent = await (await this.node(handle)).parent();
    if (parent === undefined) throw new UsageError('the root of a hive has no parent', { argument: 'nodeh' });
    return parent.handle;
  }

  async values(handle: number): Promise<readonly number[]> {
    return (await (await this.node(handle)).valueList()).map((value) => value.handle);
  }

  async valueOf(handle: number, name: string): Promise<number> {
    return (await (await this.node(handle)).value(name))?.handle ?? 0;
  }

  async text(handle: number): Promise<string> {
    const value = await this.value(handle);
    if (TEXT_TYPES.has(value.type)) return decodeString(value.raw);
    throw new UsageError(`the value '${value.name}' is no text but of type ${value.type}`, { argument: 'valueh' });
  }

  async addChild(parent: number, name: string): Promise<number> {
    this.#needWrite('hivex_node_add_child');
    const key = await this.node(parent);
    if ((await key.subkey(name)) !== undefined)
      throw new FsError('EEXIST', { operation: 'hivex_node_add_child', path: name });
    return (await key.createSubkey(name)).handle;
  }

  async deleteNode(handle: number): Promise<void> {
    this.#needWrite('hivex_node_delete_child');
    await (await this.node(handle)).delete();
  }

  async setValue(handle: number, name: string, type: number, bytes: Uint8Array | string): Promise<void> {
    this.#needWrite('hivex_node_set_value');
    await (await this.node(handle)).setValue(name, type, typeof bytes === 'string' ? encodeUtf8(bytes) : bytes);
  }

  /** @param filename another file of the guest, which gets the whole hive */
  async commit(filename: string | undefined): Promise<void> {
    this.#needWrite('hivex_commit');
    if (filename === undefined) {
      await this.hive.commit();
      return;
    }
    const path = isWindowsPath(filename) ? await windowsPath(this.g, filename) : filename;
    const bytes = await this.hive.bytes();
    const file = await this.g.vfs.edit.open(path, { create: NEW_FILE, truncate: true }, 'hivex_commit');
    for (let at = 0; at < bytes.length; at += CHUNK) await file.write(at, bytes.subarray(at, at + CHUNK));
  }

  #needWrite(operation: string): void {
    if (!this.hive.writable)
      throw new FsError('EROFS', { operation, reason: 'the hive was opened without write:true' });
  }
}
