import type { BlockDevice } from '@vmcraft/core';
import { UsageError } from '@vmcraft/core';
import { TransmissionFlag } from '../layout.js';
import { ReadWriteLock } from './read-write-lock.js';

/** A device to serve. */
export interface NbdExport {
  /** Name that clients ask for; the empty name is the default export. */
  readonly name: string;
  readonly device: BlockDevice;
  /** Refuse to write although the device could; true unless given. */
  readonly readonly?: boolean;
  /** Told to clients that list exports. */
  readonly description?: string;
}

/** Longest payload of one request, bytes: what clients assume of a server ("Size constraints"). */
export const MAX_PAYLOAD = 32 * 1024 * 1024;
/** Longest name of an export, bytes ("Values"). */
const MAX_NAME = 4096;

/** A device with what its connections share: all of them see one order of changes, so that several connections are safe. */
export class ServedExport {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly description: string;
  readonly device: BlockDevice;
  readonly readonly: boolean;
  /** Changes wait for each other and for reads: a device below may have to read, change and write whole sectors. */
  readonly lock = new ReadWriteLock();

  /** @throws UsageError when the name is too long */
  constructor(given: NbdExport) {
    this.name = given.name;
    this.nameBytes = new TextEncoder().encode(given.name);
    if (this.nameBytes.length > MAX_NAME)
      throw new UsageError(`the name of an export is at most ${MAX_NAME} bytes`, { argument: 'name' });
    this.description = given.description ?? '';
    this.device = given.device;
    this.readonly = given.readonly !== false || !given.device.writable;
  }

  get flags(): number {
    const both = TransmissionFlag.hasFlags | TransmissionFlag.canMultiConn | TransmissionFlag.sendDf;
    const writing =
      TransmissionFlag.sendFlush |
      TransmissionFlag.sendFua |
      TransmissionFlag.sendTrim |
      TransmissionFlag.sendWriteZeroes;
    return both | (this.readonly ? TransmissionFlag.readOnly : writing);
  }
}
