import {
  type BlockDevice,
  type BlockExtent,
  CapabilityError,
  checkSpan,
  HostError,
  type HostFile,
  type HostFileIdentity,
  type HostFiles,
  type HostStat,
} from '@vmcraft/core';
import type { PatchedBytes } from './mutate.js';

/** Damaged bytes as a device. */
export class PatchedDevice implements BlockDevice {
  readonly sectorSize = 512;
  readonly writable = true;

  constructor(private readonly bytes: PatchedBytes) {}

  get size(): number {
    return this.bytes.size;
  }
  async read(offset: number, length: number): Promise<Uint8Array> {
    checkSpan('damaged sample', this.size, offset, length);
    return this.bytes.read(offset, length);
  }
  async write(offset: number, data: Uint8Array): Promise<void> {
    checkSpan('damaged sample', this.size, offset, data.length);
    this.bytes.write(offset, data);
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {}
}

/** The only path of {@link PatchedFiles}. */
export const PATCHED_PATH = '/images/disk';

/** Damaged bytes as the only host file. Files that the image names do not exist. */
export class PatchedFiles implements HostFiles {
  constructor(private readonly bytes: PatchedBytes) {}

  async open(path: string, options: { readonly writable: boolean }): Promise<HostFile> {
    if (path !== PATCHED_PATH)
      throw new HostError({ path, operation: 'open', errno: 'ENOENT', reason: 'no such file' });
    return new PatchedFile(this.bytes, options.writable);
  }
  async stat(path: string): Promise<HostStat | undefined> {
    return path === PATCHED_PATH
      ? { kind: 'file', size: this.bytes.size, identity: identityOf(this.bytes) }
      : undefined;
  }
  async resolveReference(imagePath: string, reference: string): Promise<string> {
    if (!/^[^/]+$/.test(reference))
      throw new CapabilityError({ capability: 'reference', subject: imagePath, reason: `it names ${reference}` });
    return `/images/${reference}`;
  }
}

const identityOf = (bytes: PatchedBytes): HostFileIdentity => ({ dev: 0n, ino: 1n, size: bytes.size, mtimeNs: 0n });

class PatchedFile implements HostFile {
  readonly path = PATCHED_PATH;

  constructor(
    private readonly bytes: PatchedBytes,
    readonly writable: boolean,
  ) {}

  get size(): number {
    return this.bytes.size;
  }
  async read(offset: number, length: number): Promise<Uint8Array> {
    return this.bytes.read(offset, Math.max(0, Math.min(length, this.size - offset)));
  }
  async write(offset: number, data: Uint8Array): Promise<void> {
    this.bytes.size = Math.max(this.size, offset + data.length);
    this.bytes.write(offset, data);
  }
  async truncate(size: number): Promise<void> {
    this.bytes.size = size;
  }
  async punchHole(offset: number, length: number): Promise<void> {
    this.bytes.write(offset, new Uint8Array(length));
  }
  async *extents(offset: number, length: number): AsyncIterable<BlockExtent> {
    if (length > 0) yield { offset, length, kind: 'data' };
  }
  async flush(): Promise<void> {}
  async identity(): Promise<HostFileIdentity> {
    return identityOf(this.bytes);
  }
  async close(): Promise<void> {}
}
