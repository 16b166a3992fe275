import type { WarningSink } from '@vmcraft/core';
import { TruncatedImageError } from '@vmcraft/core/errors';
import type { OpenedFile, Vfs, WritableFile } from '@vmcraft/core/vfs';
import { type Hive, type HiveTarget, openHive } from '@vmcraft/format-regf';

/** What is appended to a hive's name for its logs. */
const LOGS = ['LOG', 'LOG1', 'LOG2'];

/** A file of the guest as the source of a hive, and as the target of its changes. */
export class GuestHiveFile implements HiveTarget {
  #writer: WritableFile | undefined;
  #size: number;

  constructor(
    private readonly vfs: Vfs,
    private readonly path: string,
    private readonly file: OpenedFile,
    private readonly operation: string,
  ) {
    this.#size = file.stat.size;
  }

  get size(): number {
    return this.#size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const data = await this.file.read(offset, length);
    if (data.length === length) return data;
    throw new TruncatedImageError({ structure: this.path, offset, needed: length, available: data.length });
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    await (await this.#open()).write(offset, data);
  }

  async truncate(size: number): Promise<void> {
    await (await this.#open()).truncate(size);
    this.#size = size;
  }

  async #open(): Promise<WritableFile> {
    this.#writer ??= await this.vfs.edit.open(this.path, {}, this.operation);
    return this.#writer;
  }
}

/** How to open a hive of the guest. */
export interface GuestHiveOptions {
  readonly writable: boolean;
  /** Name of the action, for errors. */
  readonly operation: string;
  readonly warn: WarningSink;
}

/**
 * Open a hive of the guest, with what its logs add. Changes reach the file by {@link Hive.commit}.
 * @param path as the file system has it
 * @throws FsError ENOENT, EISDIR; EROFS when it is to be written and cannot be; CorruptImageError when it is no hive
 */
export async function openGuestHive(vfs: Vfs, path: string, options: GuestHiveOptions): Promise<Hive> {
  const { operation, writable, warn } = options;
  const location = await vfs.resolve(path, operation);
  const open = async (name: string): Promise<GuestHiveFile> =>
    new GuestHiveFile(vfs, name, await vfs.open(name, operation), operation);
  const source = await open(location.path);
  if (writable) vfs.edit.writable(location, operation, path);
  const logs: GuestHiveFile[] = [];
  const folder = location.parent;
  if (folder !== undefined) {
    const wanted = new Map(LOGS.map((suffix) => [`${location.name}.${suffix}`.toUpperCase(), '']));
    for await (const entry of folder.mount.fs.readdir(folder.node)) {
      if (wanted.has(entry.name.toUpperCase())) wanted.set(entry.name.toUpperCase(), entry.name);
    }
    for (const name of wanted.values()) if (name !== '') logs.push(await open(folder.childPath(name)));
  }
  return openHive(source, { writable, logs, warn });
}
