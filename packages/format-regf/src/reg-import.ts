import { UsageError } from '@vmcraft/core/errors';
import type { Hive } from './hive.js';
import { splitPath } from './key-path.js';
import { parseReg, type RegEntry } from './reg-parse.js';
import { sameName } from './upcase.js';

/** How to import a .reg file. */
export interface ImportRegOptions {
  /** Where the hive is in the registry, such as `HKEY_LOCAL_MACHINE\SOFTWARE`: keys elsewhere are an error. */
  readonly prefix?: string;
}

/** What an import did. */
export interface ImportedReg {
  readonly keysDeleted: number;
  readonly valuesSet: number;
  readonly valuesDeleted: number;
}

/** Path of an entry within the hive. */
function pathIn(entry: RegEntry, prefix: readonly string[]): string {
  const names = splitPath(entry.path);
  const isBelow = prefix.every((name, i) => names[i] !== undefined && sameName(names[i], name));
  if (!isBelow) {
    const where = prefix.join('\\');
    throw new UsageError(`.reg file, line ${entry.line}: '${entry.path}' is not below ${where}`, {
      argument: 'prefix',
    });
  }
  return names.slice(prefix.length).join('\\');
}

/**
 * Make the changes of a parsed .reg file: keys and values are merged into the hive, those marked for it deleted.
 * All of them happen, or none. What is to be deleted and is not there is no error.
 * @throws UsageError when a key is outside of `prefix` or cannot exist
 */
export async function applyReg(
  hive: Hive,
  entries: readonly RegEntry[],
  options: ImportRegOptions = {},
): Promise<ImportedReg> {
  const prefix = splitPath(options.prefix ?? '');
  const changes = entries.map((entry) => ({ entry, path: pathIn(entry, prefix) }));
  const done = { keysDeleted: 0, valuesSet: 0, valuesDeleted: 0 };
  await hive.transaction(async () => {
    for (const { entry, path } of changes) {
      if (entry.isDeleted) {
        const key = await hive.key(path);
        if (key === undefined) continue;
        await key.delete();
        done.keysDeleted++;
        continue;
      }
      const key = await hive.root.createKey(path);
      for (const { name, set } of entry.values) {
        if (set !== undefined) {
          await key.setValue(name, set.type, set.data);
          done.valuesSet++;
        } else if (await key.deleteValue(name)) done.valuesDeleted++;
      }
    }
  });
  return done;
}

/**
 * Merge the text of a .reg file into a hive; see {@link applyReg} and, for bytes, {@link decodeRegFile}.
 * @throws UsageError naming the line, before anything is changed, when the text is no .reg file
 */
export function importReg(hive: Hive, text: string, options: ImportRegOptions = {}): Promise<ImportedReg> {
  return Promise.resolve().then(() => applyReg(hive, parseReg(text), options));
}
