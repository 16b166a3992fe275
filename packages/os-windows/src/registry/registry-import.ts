import { concatBytes } from '@vmcraft/core/binary';
import { LimitExceededError } from '@vmcraft/core/errors';
import { bytesFrom, type FileSource, type Session } from '@vmcraft/core/guest';
import { applyReg, decodeRegFile, type Hive, type ImportedReg, parseReg, type RegEntry } from '@vmcraft/format-regf';
import { GuestRegistry, resolveControlSet } from './guest-registry.js';
import { type HiveName, parseRegistryPath } from './registry-path.js';

/** Bytes of a .reg file that is read at once. */
const MAX_FILE = 256 << 20;

/** How to import a .reg file. */
export interface RegistryImportOptions {
  /** The hive that all keys go to; by default each goes where its path says. */
  readonly hive?: string | undefined;
  /** With `hive`: what the keys' paths begin with and the hive's do not. */
  readonly prefix?: string | undefined;
  readonly user?: string | undefined;
}

/** The entries of one hive. */
interface Part {
  readonly name: HiveName;
  readonly entries: RegEntry[];
}

/**
 * Merge a .reg file of the host into the registry of the mounted Windows: into all the hives that it names, or none.
 * @throws UsageError naming the line, before anything is written, when it is no .reg file or a key is in no hive
 */
export async function importRegistry(
  g: Session,
  source: FileSource,
  options: RegistryImportOptions,
  operation: string,
): Promise<ImportedReg> {
  const entries = parseReg(decodeRegFile(await readAll(g, source)));
  const parts = options.hive === undefined ? divide(entries, options.user) : whole(entries, options.hive, options.user);
  const prefix = options.hive === undefined ? undefined : options.prefix;
  const registry = new GuestRegistry(g, operation);
  return withHives(registry, parts, [], async (hives) => {
    const total = { keysDeleted: 0, valuesSet: 0, valuesDeleted: 0 };
    for (const [i, hive] of hives.entries()) {
      const { name, entries: own } = parts[i]!;
      const resolved: RegEntry[] = [];
      for (const entry of own) resolved.push({ ...entry, path: await resolveControlSet(hive, name, entry.path) });
      const done = await applyReg(hive, resolved, prefix === undefined ? {} : { prefix });
      total.keysDeleted += done.keysDeleted;
      total.valuesSet += done.valuesSet;
      total.valuesDeleted += done.valuesDeleted;
    }
    // Only now that every hive took its part is any of them written.
    for (const hive of hives) await hive.commit();
    return total;
  });
}

/** Open all hives, each inside the one before, as some lie on file systems that are given back afterwards. */
function withHives<T>(
  registry: GuestRegistry,
  parts: readonly Part[],
  opened: readonly Hive[],
  work: (hives: readonly Hive[]) => Promise<T>,
): Promise<T> {
  const next = parts[opened.length];
  if (next === undefined) return work(opened);
  return registry.withHive(next.name, true, (hive) => withHives(registry, parts, [...opened, hive], work));
}

/** The entries by hive, each hive once, in the order of the file. */
function divide(entries: readonly RegEntry[], user: string | undefined): readonly Part[] {
  const parts = new Map<string, Part>();
  for (const entry of entries) {
    const { hive: name, key } = parseRegistryPath(entry.path, '', user);
    const id = JSON.stringify(name).toUpperCase();
    const part = parts.get(id) ?? { name, entries: [] };
    part.entries.push({ ...entry, path: key });
    parts.set(id, part);
  }
  return [...parts.values()];
}

function whole(entries: readonly RegEntry[], hive: string, user: string | undefined): readonly Part[] {
  return [{ name: parseRegistryPath(hive, '', user).hive, entries: [...entries] }];
}

async function readAll(g: Session, source: FileSource): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytesFrom(g, source)) {
    size += chunk.length;
    if (size > MAX_FILE) throw new LimitExceededError({ limit: 'size of a .reg file', value: size, max: MAX_FILE });
    chunks.push(chunk);
  }
  return concatBytes(chunks);
}
