import type { FileTree, TreeFile, WarningSink } from '@vmcraft/core';
import { TruncatedImageError } from '@vmcraft/core/errors';
import { type Hive, type HiveSource, openHive } from '@vmcraft/format-regf';

/** What is appended to a hive's name for its logs. */
const LOGS = ['LOG', 'LOG1', 'LOG2'];

/** A file of an inspected tree as the source of a hive. */
class TreeHiveFile implements HiveSource {
  constructor(
    private readonly file: TreeFile,
    private readonly path: string,
  ) {}

  get size(): number {
    return this.file.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const data = await this.file.read(offset, length);
    if (data.length === length) return data;
    throw new TruncatedImageError({ structure: this.path, offset, needed: length, available: data.length });
  }
}

/**
 * Open a hive of a tree, with what its logs add.
 * @param path as the disk has it
 * @returns undefined when there is no such file
 * @throws CorruptImageError, TruncatedImageError when it is no hive
 */
export async function openTreeHive(files: FileTree, path: string, warn: WarningSink): Promise<Hive | undefined> {
  const file = await files.open(path);
  if (file === undefined) return undefined;
  const cut = path.lastIndexOf('/') + 1;
  const name = path.slice(cut).toUpperCase();
  const logs: HiveSource[] = [];
  const beside = await files.list(path.slice(0, cut));
  for (const suffix of LOGS) {
    const logName = beside.find((other) => other.toUpperCase() === `${name}.${suffix}`);
    const log = logName === undefined ? undefined : await files.open(path.slice(0, cut) + logName);
    if (log !== undefined) logs.push(new TreeHiveFile(log, path.slice(0, cut) + logName));
  }
  return openHive(new TreeHiveFile(file, path), { logs, warn });
}
