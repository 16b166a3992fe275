import type { BlockDevice, FileSystem, FsAbility, FsDriver } from '@vmcraft/core';

/** What a driver's test hands to {@link fsDriverCompliance}; made anew for every test. */
export interface FsDriverFixture {
  readonly driver: FsDriver;
  /** A device with a file system of this driver: empty for a driver that writes, `files` in it for one that only reads. */
  readonly device: BlockDevice;
  /** Type that `probe` must say. */
  readonly type: string;
  /** Abilities that an opened, writable file system must have, no fewer. */
  readonly abilities: readonly FsAbility[];
  /** For a driver that only reads: contents by path, at least one file in a folder. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  /** What POSIX has that the format cannot keep. */
  readonly lacks?: readonly ('links' | 'symlinks' | 'owners' | 'modes' | 'devices')[];
  /** Run after each test that wrote: an independent checker, where there is one. */
  check?(device: BlockDevice): Promise<void>;
  dispose?(): Promise<void>;
}

/** A test of this suite. */
export type FsTest = (name: string, body: (f: FsDriverFixture) => Promise<void>) => void;

/** Open, run, close. */
export async function withFs<T>(
  f: FsDriverFixture,
  readonly: boolean,
  body: (fs: FileSystem) => Promise<T>,
): Promise<T> {
  const fs = await f.driver.open(f.device, { readonly });
  try {
    return await body(fs);
  } finally {
    await fs.close();
  }
}
