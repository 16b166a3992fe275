import { FsError, UsageError } from '@vmcraft/core/errors';
import type { Hive, HiveKey } from '@vmcraft/format-regf';
import { type ListedValue, listedValue } from '../registry/registry-value.js';
import { formatData, formatValue, parseValueLine, type TypedBytes } from './value-line.js';

/** What a command of the shell gives: lines for people, and the same as a plain value. */
export interface HiveShellResult {
  readonly lines: readonly string[];
  readonly value?: string | readonly string[] | readonly ListedValue[];
}

/** What a line leads to. */
export type HiveShellStep =
  | { readonly kind: 'done'; readonly result: HiveShellResult }
  | { readonly kind: 'load'; readonly hive: string }
  | { readonly kind: 'quit' };

const NOTHING: HiveShellResult = { lines: [] };
const MAX_SETVAL = 65_536;

/** The commands, and what each does. */
export const HIVE_SHELL_HELP: Readonly<Record<string, string>> = {
  'add NAME': 'make a subkey',
  'cd [PATH]': 'go to a key; without PATH, print where you are',
  commit: 'write the changes',
  del: 'delete this key with all below it, and go up',
  'load HIVE': 'change to another hive; changes that were not committed are lost',
  ls: 'list subkeys',
  'lsval [NAME]': 'list values, or print one; @ is the default value',
  'setval N': 'replace all values by the N that follow: a line with the name, and one such as dword:1 or string:text',
  quit: 'end; changes that were not committed are lost',
};

/** A shell on one hive, with the commands of hivexsh(1). */
export class HiveShell {
  #key: HiveKey;
  #path: readonly string[] = [];

  /** @param readLine the next line of input, for the values of `setval` */
  constructor(
    private readonly hive: Hive,
    private readonly readLine: () => Promise<string | undefined>,
  ) {
    this.#key = hive.root;
  }

  /** Where the shell is: `\ControlSet001\Services`. */
  get path(): string {
    return `\\${this.#path.join('\\')}`;
  }

  /** Run a line. @throws UsageError, FsError, CorruptImageError */
  async run(line: string): Promise<HiveShellStep> {
    const [, word = '', rest = ''] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(line) ?? [];
    switch (word.toLowerCase()) {
      case '':
        return done(NOTHING);
      case 'quit':
      case 'exit':
      case 'q':
        return { kind: 'quit' };
      case 'load':
        if (rest === '') throw new UsageError("'load' needs the name of a hive");
        return { kind: 'load', hive: rest };
      default:
        return done(await this.#command(word.toLowerCase(), rest));
    }
  }

  #command(word: string, rest: string): Promise<HiveShellResult> {
    switch (word) {
      case 'cd':
        return this.#cd(rest);
      case 'ls':
        return this.#ls(rest);
      case 'lsval':
        return this.#lsval(rest);
      case 'setval':
        return this.#setval(rest);
      case 'add':
        return this.#add(rest);
      case 'del':
        return this.#del();
      case 'commit':
        return this.#commit(rest);
      case 'help':
        return Promise.resolve(text(Object.entries(HIVE_SHELL_HELP).map(([c, what]) => `${c.padEnd(14)} ${what}`)));
      default:
        return Promise.reject(new UsageError(`unknown command '${word}'`, { hint: "'help' lists the commands" }));
    }
  }

  async #cd(path: string): Promise<HiveShellResult> {
    if (path === '') return { lines: [this.path], value: this.path };
    let key = path.startsWith('\\') ? this.hive.root : this.#key;
    let names = path.startsWith('\\') ? [] : [...this.#path];
    for (const name of path.split('\\').filter((part) => part !== '' && part !== '.')) {
      if (name === '..') {
        key = (await key.parent()) ?? key;
        names = names.slice(0, -1);
        continue;
      }
      const next = (await key.subkey(name)) ?? (names.length === 0 ? await this.#controlSet(name) : undefined);
      if (next === undefined)
        throw new FsError('ENOENT', { operation: 'cd', path: name, reason: 'there is no such key' });
      key = next;
      names.push(next.name);
    }
    this.#key = key;
    this.#path = names;
    return NOTHING;
  }

  /** The control set that `CurrentControlSet` stands for: only running systems have that key. */
  async #controlSet(name: string): Promise<HiveKey | undefined> {
    if (name.toLowerCase() !== 'currentcontrolset') return undefined;
    const current = (await (await this.hive.key('Select'))?.value('Current'))?.data;
    if (typeof current !== 'number') return undefined;
    return this.hive.root.subkey(`ControlSet${String(current).padStart(3, '0')}`);
  }

  async #ls(rest: string): Promise<HiveShellResult> {
    if (rest !== '') throw new UsageError("'ls' takes no arguments");
    return text(await this.#key.subkeyNames());
  }

  async #lsval(name: string): Promise<HiveShellResult> {
    if (name === '') {
      const values = await this.#key.valueList();
      return { lines: values.map(formatValue), value: values.map(listedValue) };
    }
    const value = await this.#key.value(name === '@' ? '' : name);
    if (value === undefined)
      throw new FsError('ENOENT', { operation: 'lsval', path: name, reason: 'there is no such value' });
    return { lines: [formatData(value)], value: [listedValue(value)] };
  }

  /** All lines are read, and must be right, before anything is changed. */
  async #setval(rest: string): Promise<HiveShellResult> {
    const count = /^\d+$/.test(rest) ? Number(rest) : -1;
    if (count < 0 || count > MAX_SETVAL) throw new UsageError("'setval' needs the number of values that follow");
    const values: { name: string; value: TypedBytes }[] = [];
    for (let i = 0; i < count; i++) {
      const name = await this.readLine();
      const line = await this.readLine();
      if (name === undefined || line === undefined) throw new UsageError('the input ends before the values of setval');
      values.push({ name: name === '@' ? '' : name, value: parseValueLine(line) });
    }
    const key = this.#key;
    await this.hive.transaction(async () => {
      for (const { name } of await key.valueList()) await key.deleteValue(name);
      for (const { name, value } of values) await key.setValue(name, value.type, value.bytes);
    });
    return NOTHING;
  }

  async #add(name: string): Promise<HiveShellResult> {
    if (name === '') throw new UsageError("'add' needs the name of a subkey");
    if ((await this.#key.subkey(name)) !== undefined) throw new FsError('EEXIST', { operation: 'add', path: name });
    await this.#key.createSubkey(name);
    return NOTHING;
  }

  async #del(): Promise<HiveShellResult> {
    const parent = await this.#key.parent();
    await this.#key.delete();
    this.#key = parent ?? this.hive.root;
    this.#path = this.#path.slice(0, -1);
    return NOTHING;
  }

  async #commit(rest: string): Promise<HiveShellResult> {
    if (rest !== '')
      throw new UsageError(
        "'commit' writes the hive that is open; use registry-export or hivex-commit for another file",
      );
    await this.hive.commit();
    return NOTHING;
  }
}

const done = (result: HiveShellResult): HiveShellStep => ({ kind: 'done', result });
const text = (lines: readonly string[]): HiveShellResult => ({ lines, value: lines });
