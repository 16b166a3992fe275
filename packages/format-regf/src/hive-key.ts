import { CapabilityError, FsError } from '@vmcraft/core/errors';
import { fileTimeToDate } from './file-time.js';
import type { HiveState } from './hive-state.js';
import type { HiveValue } from './hive-value.js';
import { createKey, renameKey, setClassName, setTime, touch } from './key-edit.js';
import { className, keyName, Nk, nodeName, openKeyNode } from './key-node.js';
import { splitPath } from './key-path.js';
import { findValue, readValue, valueCells } from './key-value.js';
import { BASE_BLOCK_SIZE, KeyFlag } from './layout.js';
import { loadValue, loadValues } from './load-value.js';
import { formatSddl } from './sddl-format.js';
import { parseSddl } from './sddl-parse.js';
import { securityDescriptor, setSecurity } from './security-cells.js';
import { checkSecurityDescriptor } from './security-descriptor.js';
import { findSubkey, subkeyCells, subkeyCount } from './subkey-list.js';
import { deleteTree, inTransaction } from './tree-edit.js';
import { encodeData, typeNumber } from './value-codec.js';
import { deleteValue, setValue } from './value-edit.js';
import type { RegistryData, RegistryTypeLike } from './value-types.js';

/** A registry key. It stays valid through changes of the hive until the key itself is deleted. */
export class HiveKey {
  #cell: number;
  #epoch: number;
  #name: string;
  /** Halves of the last-written time, signed: V8 keeps numbers above 2^31 outside of the object. */
  #high: number;
  #low: number;
  #generation: number;

  /** @internal Made by {@link Hive}; its key node is in memory, at `position`. */
  constructor(
    readonly state: HiveState,
    cell: number,
    position = openKeyNode(state.cells, cell),
  ) {
    const { cells, store } = state;
    this.#cell = cell;
    this.#epoch = state.handles.epochOf(cell);
    this.#name = nodeName(cells, cell, position);
    this.#high = store.i32(position + Nk.lastWritten + 4);
    this.#low = store.i32(position + Nk.lastWritten);
    this.#generation = store.generation;
  }

  /**
   * Offset of its key node cell from the first bin, in bytes.
   * @throws FsError ENOENT when the key was deleted
   */
  get cell(): number {
    const { handles } = this.state;
    if (handles.isUntouched) return this.#cell;
    const now = handles.follow({ cell: this.#cell, epoch: this.#epoch });
    if (now === undefined)
      throw new FsError('ENOENT', { operation: 'registry key', path: this.#name, reason: 'deleted' });
    this.#cell = now.cell;
    this.#epoch = now.epoch;
    return now.cell;
  }

  /** Number that names this key, as hivex has it: the file offset of its cell. Valid until the key is deleted or renamed. */
  get handle(): number {
    return this.cell + BASE_BLOCK_SIZE;
  }

  get name(): string {
    this.#refresh();
    return this.#name;
  }

  /** 100 ns units since 1601-01-01 UTC. */
  get lastWrittenTime(): bigint {
    this.#refresh();
    return (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0);
  }

  /** To the millisecond; undefined when none is recorded. */
  get lastWritten(): Date | undefined {
    return fileTimeToDate(this.lastWrittenTime);
  }

  /** Whether this is a link to another key, named by its value `SymbolicLinkValue`. */
  isSymbolicLink(): Promise<boolean> {
    return this.#run(() => (this.#flags() & KeyFlag.symbolicLink) !== 0);
  }

  /** The class name, undefined when there is none. */
  className(): Promise<string | undefined> {
    return this.#run(() => className(this.state.cells, this.cell));
  }

  /** The key above; undefined for the root. */
  parent(): Promise<HiveKey | undefined> {
    return this.#run(() => {
      if (this.cell === this.state.base.rootCell) return undefined;
      return this.#at(this.state.store.u32(openKeyNode(this.state.cells, this.cell) + Nk.parent));
    });
  }

  /** Number of subkeys. */
  subkeyCount(): Promise<number> {
    return this.#run(() => subkeyCount(this.state.cells, this.cell));
  }

  /** All subkeys, in the order of their upper-cased names. */
  subkeyList(): Promise<HiveKey[]> {
    return this.#run(() => this.#subkeys());
  }

  /** {@link subkeyList} without waiting, when all of it is in memory; else undefined. */
  peekSubkeys(): HiveKey[] | undefined {
    return this.state.store.peek(() => this.#subkeys());
  }

  /** Subkeys one by one. */
  async *subkeys(): AsyncGenerator<HiveKey> {
    const cells = await this.#run(() => subkeyCells(this.state.cells, this.cell));
    for (const cell of cells) {
      yield this.state.store.peek(() => this.#at(cell)) ?? (await this.#run(() => this.#at(cell)));
    }
  }

  /** Names of all subkeys, in the order of their upper-cased names. */
  subkeyNames(): Promise<string[]> {
    const { cells } = this.state;
    return this.#run(() => subkeyCells(cells, this.cell).map((cell) => keyName(cells, cell)));
  }

  /** The subkey of this name, whatever its case; undefined when there is none. The name is not a path. */
  subkey(name: string): Promise<HiveKey | undefined> {
    return this.#run(() => {
      const cell = findSubkey(this.state.cells, this.cell, name);
      return cell === undefined ? undefined : this.#at(cell);
    });
  }

  /** The key at a path below this one, names divided by backslashes; undefined when there is none. */
  async key(path: string): Promise<HiveKey | undefined> {
    let key: HiveKey | undefined = this;
    for (const name of splitPath(path)) {
      key = await key.subkey(name);
      if (key === undefined) return undefined;
    }
    return key;
  }

  /** Number of values. */
  valueCount(): Promise<number> {
    return this.#run(() => valueCells(this.state.cells, this.cell).length);
  }

  /**
   * All values with their data, in the order of the hive.
   * @throws CorruptImageError when they claim more data together than the hive has
   */
  valueList(): Promise<HiveValue[]> {
    return this.#run(() => loadValues(this.state, this.cell));
  }

  /** {@link valueList} without waiting, when all of it is in memory; else undefined. */
  peekValues(): HiveValue[] | undefined {
    return this.state.store.peek(() => loadValues(this.state, this.cell));
  }

  /** Values one by one, holding the data of one at a time. */
  async *values(): AsyncGenerator<HiveValue> {
    const cells = await this.#run(() => valueCells(this.state.cells, this.cell));
    for (const cell of cells) {
      const read = (): HiveValue => loadValue(this.state, readValue(this.state.cells, cell));
      yield this.state.store.peek(read) ?? (await this.#run(read));
    }
  }

  /** The value of this name, whatever its case; the empty name is the default value. Undefined when there is none. */
  value(name: string): Promise<HiveValue | undefined> {
    return this.#run(() => {
      const record = findValue(this.state.cells, this.cell, name);
      return record === undefined ? undefined : loadValue(this.state, record);
    });
  }

  /**
   * Open a subkey, making it when it is not there, with its parent's security. The name is not a path.
   * @throws UsageError when no key can have this name
   * @throws CapabilityError (`VMC_READ_ONLY`) when the hive is not writable, as all changes do
   */
  createSubkey(name: string): Promise<HiveKey> {
    return this.#mutate(() => this.#at(createKey(this.state, this.cell, name)));
  }

  /** Open the key at a path below this one, making all of it that is not there. */
  async createKey(path: string): Promise<HiveKey> {
    let key: HiveKey = this;
    for (const name of splitPath(path)) key = (await key.subkey(name)) ?? (await key.createSubkey(name));
    return key;
  }

  /** Delete the subkey of this name with all below it. Returns whether it was there. */
  async deleteSubkey(name: string): Promise<boolean> {
    const key = await this.subkey(name);
    await key?.delete();
    return key !== undefined;
  }

  /**
   * Delete this key with all below it: wholly, or not at all.
   * @throws FsError EPERM for the root
   */
  async delete(): Promise<void> {
    this.#checkWritable();
    const { cell } = this;
    await inTransaction(this.state, () => deleteTree(this.state, cell));
  }

  /**
   * Give this key another name.
   * @throws FsError EEXIST when a sibling has that name, EPERM for the root
   */
  async rename(name: string): Promise<void> {
    await this.#mutate(() => renameKey(this.state, this.cell, name));
  }

  /**
   * Set a value; it is made when it is not there, and keeps the case of its name when it is. Data that is not bytes is encoded
   * for the type.
   * @throws UsageError when the data does not fit the type
   */
  async setValue(name: string, type: RegistryTypeLike, data: RegistryData): Promise<void> {
    const number = typeNumber(type);
    const bytes = encodeData(number, data);
    await this.#mutate(() => {
      setValue(this.state, this.cell, name, number, bytes);
      touch(this.state, this.cell);
    });
  }

  /** Delete the value of this name. Returns whether it was there. */
  deleteValue(name: string): Promise<boolean> {
    return this.#mutate(() => {
      const existed = deleteValue(this.state, this.cell, name);
      if (existed) touch(this.state, this.cell);
      return existed;
    });
  }

  /** Set the class name, or take it away with undefined. */
  async setClassName(name: string | undefined): Promise<void> {
    await this.#mutate(() => setClassName(this.state, this.cell, name));
  }

  /** Set the last-written time, in 100 ns units since 1601-01-01 UTC; other changes of the key set it to now. */
  async setLastWrittenTime(time: bigint): Promise<void> {
    await this.#mutate(() => setTime(this.state, this.cell, BigInt.asUintN(64, time)));
  }

  /** The self-relative security descriptor ([MS-DTYP] section 2.4.6), undefined when the key has none. */
  securityDescriptor(): Promise<Uint8Array | undefined> {
    return this.#run(() => securityDescriptor(this.state, this.cell));
  }

  /** The security descriptor as SDDL text, undefined when the key has none. */
  async securitySddl(): Promise<string | undefined> {
    const descriptor = await this.securityDescriptor();
    return descriptor === undefined ? undefined : formatSddl(descriptor);
  }

  /**
   * Set the security descriptor, from self-relative bytes or SDDL text. Keys with the same one share it.
   * @throws UsageError, CorruptImageError when it is not a descriptor
   */
  async setSecurity(descriptor: Uint8Array | string): Promise<void> {
    const bytes = typeof descriptor === 'string' ? parseSddl(descriptor) : descriptor;
    checkSecurityDescriptor(bytes);
    await this.#mutate(() => {
      setSecurity(this.state, this.cell, bytes);
      touch(this.state, this.cell);
    });
  }

  #checkWritable(): void {
    if (!this.state.writable) throw CapabilityError.readOnly('the registry hive');
  }

  async #mutate<T>(work: () => T): Promise<T> {
    this.#checkWritable();
    await this.state.allocator.prepare();
    return this.state.store.mutate(work);
  }

  /** Read name and time again when the hive has changed; pages that were changed stay in memory. */
  #refresh(): void {
    const { cells, store } = this.state;
    if (this.#generation === store.generation) return;
    const { cell } = this;
    this.#name = store.peek(() => keyName(cells, cell)) ?? this.#name;
    store.peek(() => {
      const time = openKeyNode(cells, cell) + Nk.lastWritten;
      this.#high = store.i32(time + 4);
      this.#low = store.i32(time);
    });
    this.#generation = store.generation;
  }

  #run<T>(work: () => T): Promise<T> {
    return this.state.store.run(work);
  }

  #at(cell: number): HiveKey {
    return new HiveKey(this.state, cell);
  }

  #flags(): number {
    return this.state.store.u16(openKeyNode(this.state.cells, this.cell) + Nk.flags);
  }

  #subkeys(): HiveKey[] {
    return subkeyCells(this.state.cells, this.cell).map((cell) => this.#at(cell));
  }
}
