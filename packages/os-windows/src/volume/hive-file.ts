import { FsError, TruncatedImageError } from '@vmcraft/core/errors';
import type { OpenedFile, WritableFile } from '@vmcraft/core/vfs';
import { type Hive, type HiveTarget, openHive } from '@vmcraft/format-regf';
import type { WindowsVolume } from './windows-volume.js';

/** Hives of the machine that edits concern. */
export type MachineHive = 'SYSTEM' | 'SOFTWARE' | 'SAM' | 'DRIVERS';

/** A file of the guest as the source of a hive. */
class GuestHiveFile implements HiveTarget {
  #file: OpenedFile;
  #writer: WritableFile | undefined;
  #size: number;

  constructor(
    private readonly volume: WindowsVolume,
    private readonly path: string,
    file: OpenedFile,
  ) {
    this.#file = file;
    this.#size = file.stat.size;
  }

  get size(): number {
    return this.#size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const data = await this.#file.read(offset, length);
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
    this.#writer ??= await this.volume.g.vfs.edit.open(this.path, {}, this.volume.action);
    return this.#writer;
  }
}

/**
 * Open a hive of the machine with the logs beside it. Changes reach the file by its `commit()`.
 * @returns undefined when there is no such file
 */
export async function openMachineHive(
  volume: WindowsVolume,
  name: MachineHive,
  writable: boolean,
): Promise<Hive | undefined> {
  const folder = `${volume.systemRoot}/System32/config`;
  const source = await hiveSource(volume, `${folder}/${name}`);
  if (source === undefined) return undefined;
  const logs = [];
  for (const suffix of ['LOG', 'LOG1', 'LOG2']) {
    const log = await hiveSource(volume, `${folder}/${name}.${suffix}`);
    if (log !== undefined) logs.push(log);
  }
  return openHive(source, { writable, logs, warn: volume.g.warn });
}

/** As {@link openMachineHive}. @throws FsError ENOENT */
export async function requireMachineHive(volume: WindowsVolume, name: MachineHive, writable: boolean): Promise<Hive> {
  const hive = await openMachineHive(volume, name, writable);
  if (hive !== undefined) return hive;
  const path = `${volume.systemRoot}/System32/config/${name}`;
  throw new FsError('ENOENT', { operation: volume.action, path });
}

async function hiveSource(volume: WindowsVolume, path: string): Promise<GuestHiveFile | undefined> {
  if (!(await volume.isFile(path))) return undefined;
  const truePath = await volume.truePath(path);
  return new GuestHiveFile(volume, truePath, await volume.g.vfs.open(truePath, volume.action));
}
