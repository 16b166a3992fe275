import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import type { CompiledCode } from './code-cache.js';

/** A part of the program, as the bundler writes it. */
type PartFunction = (
  require: (name: string) => unknown,
  exports: object,
  importModule: (name: string) => Promise<unknown>,
  url: string,
) => void;

interface LoadedPart {
  readonly script: Script;
  readonly exports: object;
  /** What was kept of an earlier run was used. */
  readonly wasCompiled: boolean;
}

/** Of a script with compiled code, V8 forgets how it imports modules; this file's own way serves all parts. */
const importModule = (name: string): Promise<unknown> => import(name);

/** A bundled program: scripts in a folder that load one another by name, `./part-DIGEST.js`. */
export class Program {
  readonly #folder: string;
  readonly #compiled: CompiledCode | undefined;
  readonly #parts = new Map<string, LoadedPart>();
  readonly #require: NodeJS.Require;

  /** @param compiled code of an earlier run */
  constructor(folder: string, compiled: CompiledCode | undefined) {
    this.#folder = folder;
    this.#compiled = compiled;
    this.#require = createRequire(join(folder, 'program.js'));
  }

  /** Load a part, or a module of Node. */
  readonly require = (name: string): unknown => {
    if (!name.startsWith('./')) return this.#require(name);
    return (this.#parts.get(name) ?? this.#load(name)).exports;
  };

  /** Whether a part was loaded that no earlier run compiled. */
  get hasNewParts(): boolean {
    return [...this.#parts.values()].some(({ wasCompiled }) => !wasCompiled);
  }

  /** What is compiled now, and what was before of parts that this run had no need of. */
  compile(): ReadonlyMap<string, Uint8Array> {
    const all = new Map(this.#compiled?.parts);
    for (const [name, { script }] of this.#parts) all.set(name, script.createCachedData());
    return all;
  }

  #load(name: string): LoadedPart {
    const filename = join(this.#folder, basename(name));
    const cachedData = this.#compiled?.parts.get(name);
    // Parts are ASCII.
    const script = new Script(readFileSync(filename, 'latin1'), {
      filename,
      ...(cachedData === undefined ? {} : { cachedData }),
    });
    const part = { script, exports: {}, wasCompiled: script.cachedDataRejected === false };
    this.#parts.set(name, part);
    (script.runInThisContext() as PartFunction)(this.require, part.exports, importModule, pathToFileURL(filename).href);
    return part;
  }
}
