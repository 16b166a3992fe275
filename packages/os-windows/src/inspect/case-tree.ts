import type { FileTree } from '@vmcraft/core';

/** Directories whose names are kept. */
const CACHED_DIRECTORIES = 256;

/** Finds paths whatever their case: NTFS does not mind it, but other file systems that hold a Windows tree do. */
export class CaseTree {
  readonly #names = new Map<string, Promise<ReadonlyMap<string, string>>>();

  constructor(readonly files: FileTree) {}

  /** The path as the disk has it; undefined when there is none. An exact match wins. */
  async find(path: string): Promise<string | undefined> {
    let at = '';
    for (const name of path.split('/')) {
      if (name === '') continue;
      const actual = await this.#name(at === '' ? '/' : at, name);
      if (actual === undefined) return undefined;
      at += `/${actual}`;
    }
    return at === '' ? '/' : at;
  }

  /** {@link find}, for a regular file. */
  async findFile(path: string): Promise<string | undefined> {
    const found = await this.find(path);
    return found !== undefined && (await this.files.isFile(found)) ? found : undefined;
  }

  /** {@link find}, for a directory. */
  async findDirectory(path: string): Promise<string | undefined> {
    const found = await this.find(path);
    return found !== undefined && (await this.files.isDir(found)) ? found : undefined;
  }

  async #name(directory: string, name: string): Promise<string | undefined> {
    let names = this.#names.get(directory);
    if (names === undefined) {
      if (this.#names.size >= CACHED_DIRECTORIES) this.#names.clear();
      names = this.#list(directory);
      this.#names.set(directory, names);
    }
    const known = await names;
    return known.get(name) ?? known.get(fold(name));
  }

  /** Names by themselves and by their folded form. */
  async #list(directory: string): Promise<ReadonlyMap<string, string>> {
    const names = new Map<string, string>();
    const all = await this.files.list(directory);
    for (const name of all) if (!names.has(fold(name))) names.set(fold(name), name);
    for (const name of all) names.set(name, name);
    return names;
  }
}

const fold = (name: string): string => name.toUpperCase().toLowerCase();
