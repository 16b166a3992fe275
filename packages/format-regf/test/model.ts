import { seededRandom } from '@vmcraft/testkit';
import { type Hive, type HiveKey, RegistryType } from '../src/index.js';

/** A key as it should be. */
export interface ModelKey {
  name: string;
  className: string | undefined;
  readonly values: Map<string, { name: string; type: number; data: Uint8Array }>;
  readonly subkeys: Map<string, ModelKey>;
}

const emptyKey = (name: string): ModelKey => ({ name, className: undefined, values: new Map(), subkeys: new Map() });

const SDDLS = [
  'O:BAG:SYD:(A;CI;KA;;;SY)',
  'O:SYG:SYD:PAI(A;OICI;KR;;;WD)(D;;KA;;;AN)',
  'O:BAG:BAD:AI(A;CI;KA;;;BA)S:(AU;SAFA;KA;;;WD)',
];
const LETTERS = ['a', 'B', 'c', 'D', 'é', 'Ü', 'я', '字', '7', '_', ' ', '.', '{', '\u{1f600}'];
const SIZES = [0, 1, 2, 4, 5, 8, 30, 100, 1000, 5000, 16344, 16345, 16352, 40000];

/** Random changes of a hive, and a model of what they make of it. */
export class RandomEdits {
  readonly root: ModelKey;
  readonly #random: () => number;

  constructor(
    readonly hive: Hive,
    seed: number,
  ) {
    this.#random = seededRandom(seed);
    this.root = emptyKey(hive.root.name);
  }

  #int = (limit: number): number => Math.floor(this.#random() * limit);
  #pick = <T>(items: readonly T[]): T => items[this.#int(items.length)]!;

  #newName(): string {
    const length = 1 + this.#int(this.#int(10) === 0 ? 60 : 6);
    return Array.from({ length }, () => this.#pick(LETTERS)).join('');
  }

  /** A key below the root, or the root, and the model of it. */
  async #somewhere(): Promise<[HiveKey, ModelKey]> {
    let [key, model] = [this.hive.root, this.root];
    while (model.subkeys.size > 0 && this.#int(3) !== 0) {
      model = this.#pick([...model.subkeys.values()]);
      key = (await key.subkey(this.#int(2) === 0 ? model.name : swapCase(model.name)))!;
    }
    return [key, model];
  }

  /** One random change. */
  async step(): Promise<void> {
    const [key, model] = await this.#somewhere();
    const kind = this.#int(100);
    if (kind < 35) await this.#addKey(key, model, this.#newName());
    else if (kind < 70) await this.#setValue(key, model);
    else if (kind < 80) await this.#deleteValue(key, model);
    else if (kind < 86) await this.#rename(key, model);
    else if (kind < 90) await key.setSecurity(this.#pick(SDDLS));
    else if (kind < 94) await this.#setClass(key, model);
    else if (kind < 95 && this.#int(3) === 0) await this.addMany(key, model, 600);
    else await this.#deleteKey(key, model);
  }

  async #addKey(key: HiveKey, model: ModelKey, name: string): Promise<void> {
    await key.createSubkey(name);
    const id = fold(name);
    if (!model.subkeys.has(id)) model.subkeys.set(id, emptyKey(name));
  }

  /** Enough keys to split lists; they are there only for a while. */
  async addMany(key: HiveKey, model: ModelKey, count: number): Promise<void> {
    const names = Array.from({ length: count }, (_, i) => `many${this.#int(10)}-${i}`);
    for (const name of names) await this.#addKey(key, model, name);
    for (const name of names) {
      if (this.#int(20) === 0) continue;
      await key.deleteSubkey(swapCase(name));
      model.subkeys.delete(fold(name));
    }
  }

  async #setValue(key: HiveKey, model: ModelKey): Promise<void> {
    const known = [...model.values.values()];
    const name =
      known.length > 0 && this.#int(2) === 0 ? this.#pick(known).name : this.#int(6) === 0 ? '' : this.#newName();
    const type = this.#pick([...Object.values(RegistryType), 0x100, 0xffffffff]);
    const data = new Uint8Array(this.#pick(SIZES)).map(() => this.#int(256));
    await key.setValue(name, type, data);
    const id = fold(name);
    model.values.set(id, { name: model.values.get(id)?.name ?? name, type, data });
  }

  async #deleteValue(key: HiveKey, model: ModelKey): Promise<void> {
    const value = this.#pick([...model.values.values()]);
    if (value === undefined) return;
    await key.deleteValue(swapCase(value.name));
    model.values.delete(fold(value.name));
  }

  async #rename(key: HiveKey, model: ModelKey): Promise<void> {
    const child = this.#pick([...model.subkeys.values()]);
    const name = this.#newName();
    if (child === undefined || (model.subkeys.has(fold(name)) && fold(name) !== fold(child.name))) return;
    await (await key.subkey(child.name))!.rename(name);
    model.subkeys.delete(fold(child.name));
    child.name = name;
    model.subkeys.set(fold(name), child);
  }

  async #setClass(key: HiveKey, model: ModelKey): Promise<void> {
    model.className = this.#int(4) === 0 ? undefined : this.#newName();
    await key.setClassName(model.className);
  }

  async #deleteKey(key: HiveKey, model: ModelKey): Promise<void> {
    const child = this.#pick([...model.subkeys.values()]);
    if (child === undefined) return;
    await key.deleteSubkey(child.name);
    model.subkeys.delete(fold(child.name));
  }
}

const fold = (name: string): string => name.toUpperCase();

function swapCase(name: string): string {
  return Array.from(name, (c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase())).join('');
}
