import type { BlockDevice, BlockExtent, HostFile, HostFileIdentity, TransactionHost } from '../../contracts/index.js';
import { hasSparseMap, isResizable } from '../../contracts/index.js';
import { CapabilityError, HostError } from '../../errors/index.js';
import { writeZeroes } from '../zeroes.js';
import type { ApplyTarget } from './apply.js';

/** A device as the file that overlay and journal work on; without a host it has no identity of its own. */
export class DeviceFile implements HostFile, ApplyTarget {
  readonly writable = true;
  readonly #device: BlockDevice;
  readonly #host: TransactionHost | undefined;

  constructor(
    device: BlockDevice,
    host: TransactionHost | undefined,
    readonly path: string,
  ) {
    this.#device = device;
    this.#host = host;
  }

  get size(): number {
    return this.#device.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const within = Math.max(0, Math.min(length, this.size - offset));
    return this.#device.read(offset, within, { bulk: true });
  }

  write(offset: number, data: Uint8Array): Promise<void> {
    return this.#device.write(offset, data, { bulk: true });
  }

  async truncate(size: number): Promise<void> {
    if (!isResizable(this.#device)) throw new CapabilityError({ capability: 'resize', subject: this.path });
    await this.#device.resize(size);
  }

  punchHole(offset: number, length: number): Promise<void> {
    return writeZeroes(this.#device, offset, length);
  }

  async *extents(offset: number, length: number): AsyncIterable<BlockExtent> {
    if (hasSparseMap(this.#device)) yield* this.#device.extents(offset, length);
    else if (length > 0) yield { offset, length, kind: 'data' };
  }

  flush(): Promise<void> {
    return this.#device.flush();
  }

  /** Of the image file; the size is the device's. The program that writes the image changes its time, so witnesses decide. */
  async identity(): Promise<HostFileIdentity> {
    if (this.#host === undefined) return { dev: 0n, ino: 0n, size: this.size, mtimeNs: 0n };
    const stat = await this.#host.stat(this.path);
    if (stat === undefined) {
      throw new HostError({ path: this.path, operation: 'stat', errno: 'ENOENT', reason: 'the image is gone' });
    }
    return { ...stat.identity, size: this.size };
  }

  close(): Promise<void> {
    return this.#device.close();
  }
}
