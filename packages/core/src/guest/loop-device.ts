import { type BlockDevice, type IoOptions, supports } from '../contracts/index.js';
import { CapabilityError, TruncatedImageError } from '../errors/index.js';
import type { OpenedFile } from '../vfs/index.js';

/** A regular file of the guest as a block device: what losetup(8) does. */
export class LoopDevice implements BlockDevice {
  readonly sectorSize = 512;
  readonly size: number;
  readonly writable: boolean;

  constructor(
    private readonly file: OpenedFile,
    readonly path: string,
  ) {
    const { mount } = file.location;
    this.size = file.stat.size;
    this.writable = !mount.readonly && !mount.fs.readonly && supports(mount.fs, 'write');
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset < 0 || offset + length > this.size) {
      throw new TruncatedImageError({ structure: this.path, offset, needed: length, available: this.size - offset });
    }
    return this.file.read(offset, length);
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    const { fs } = this.file.location.mount;
    if (!this.writable || !supports(fs, 'write')) throw CapabilityError.readOnly(this.path);
    if (offset < 0 || offset + data.length > this.size) {
      const available = this.size - offset;
      throw new TruncatedImageError({ structure: this.path, offset, needed: data.length, available });
    }
    await fs.write(this.file.location.node, offset, data, options);
  }

  async flush(): Promise<void> {
    const { fs } = this.file.location.mount;
    if (this.writable && supports(fs, 'write')) await fs.sync();
  }

  async close(): Promise<void> {}
}
