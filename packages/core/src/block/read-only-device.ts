import {
  type BlockDevice,
  hasHostPath,
  hasSparseMap,
  type IoOptions,
  isPeekable,
  type Peekable,
  type SparseMap,
} from '../contracts/index.js';
import { CapabilityError } from '../errors/index.js';

/** A device that refuses writes, with the reading roles of its parent. Closing it closes the parent. */
export class ReadOnlyDevice implements BlockDevice {
  readonly writable = false;
  readonly sectorSize: number;
  readonly extents?: SparseMap['extents'];
  readonly peek?: Peekable['peek'];
  readonly hostPath?: string;
  readonly hostOffset?: number;
  /** Why writing is refused, where that was said. */
  readonly reason: string | undefined;
  readonly #parent: BlockDevice;

  /** @param reason why writing is refused, for the error's text */
  constructor(parent: BlockDevice, reason?: string) {
    this.#parent = parent;
    this.reason = reason;
    this.sectorSize = parent.sectorSize;
    if (isPeekable(parent)) this.peek = (offset, length) => parent.peek(offset, length);
    if (hasSparseMap(parent)) this.extents = (offset, length, options) => parent.extents(offset, length, options);
    if (hasHostPath(parent)) {
      this.hostPath = parent.hostPath;
      this.hostOffset = parent.hostOffset;
    }
  }

  get size(): number {
    return this.#parent.size;
  }

  read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    return this.#parent.read(offset, length, options);
  }

  async write(): Promise<void> {
    throw CapabilityError.readOnly('device', this.reason);
  }

  async flush(): Promise<void> {}

  close(): Promise<void> {
    return this.#parent.close();
  }
}

/** The device itself when it is read-only already, else a view of it that refuses writes. */
export function readOnly(device: BlockDevice, reason?: string): BlockDevice {
  return device.writable ? new ReadOnlyDevice(device, reason) : device;
}
