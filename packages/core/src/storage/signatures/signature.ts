import type { BlockDevice, FsSignature } from '../../contracts/index.js';

/** What a signature stands for, as blkid's `USAGE`. */
export type SignatureUsage = 'filesystem' | 'raid' | 'crypto' | 'other';

/** What a detail reader adds to a match. */
export interface SignatureDetails {
  /** Overrides the type of the specification where one magic stands for several. */
  readonly type?: string;
  readonly label?: string;
  readonly uuid?: string;
  /** UUID of this device within a set of devices, as blkid's `UUID_SUB`. */
  readonly uuidSub?: string;
  readonly version?: string;
  /** Bytes. */
  readonly size?: number;
  /** Bytes of a block. */
  readonly blockSize?: number;
}

/** One signature found on a device. */
export interface SignatureMatch extends FsSignature {
  readonly usage: SignatureUsage;
  /** Where the magic is, bytes. */
  readonly offset: number;
  /** Bytes of the magic, or of the structure by which it was recognised. */
  readonly length: number;
  /** Bytes of a block of the file system, as blkid's `BLOCK_SIZE`. */
  readonly blockSize?: number;
  readonly uuidSub?: string;
  /** Other signatures beside it do not make the result ambiguous. */
  readonly tolerant: boolean;
}

/** A magic number and where it lies. */
export interface Magic {
  /** Bytes from the start; or a function of the device's size for those near the end (undefined: does not fit). */
  readonly at: number | ((size: number) => number | undefined);
  readonly bytes: Uint8Array;
  /** Start of the superblock relative to the magic's own place; 0 unless given. */
  readonly base?: number;
}

/** Where and how the superblock was found. */
export interface Hit {
  /** Start of the superblock, bytes. */
  readonly base: number;
  /** Which of the specification's magics. */
  readonly index: number;
}

/** One row of the signature table. */
export interface SignatureSpec {
  /** As blkid names it. */
  readonly type: string;
  readonly usage: SignatureUsage;
  /** Further types that its magics stand for: `read` tells which. */
  readonly otherTypes?: readonly string[];
  readonly magics: readonly Magic[];
  readonly tolerant?: boolean;
  /** Judge the superblock and read its facts. Undefined rejects the match. */
  readonly read?: (
    window: ProbeWindow,
    hit: Hit,
  ) => Promise<SignatureDetails | undefined> | SignatureDetails | undefined;
}

/** First bytes of a device read at once: reaches behind the last of the usual superblocks (Btrfs at 64 KiB). */
const HEAD_BYTES = 72 * 1024;

/** Bounded reads of a device for probing; reads past its end give undefined. */
export class ProbeWindow {
  readonly device: BlockDevice;
  #head: Uint8Array | undefined;

  constructor(device: BlockDevice) {
    this.device = device;
  }

  /** Bytes of the device. */
  get size(): number {
    return this.device.size;
  }

  /** Exactly these bytes, or undefined when they are not all there. */
  async bytes(offset: number, length: number): Promise<Uint8Array | undefined> {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > this.size) return undefined;
    if (offset + length > HEAD_BYTES) return this.device.read(offset, length);
    this.#head ??= await this.device.read(0, Math.min(HEAD_BYTES, this.size));
    return this.#head.subarray(offset, offset + length);
  }

  /** The same as a view for reading integers. */
  async view(offset: number, length: number): Promise<DataView | undefined> {
    const data = await this.bytes(offset, length);
    return data === undefined ? undefined : new DataView(data.buffer, data.byteOffset, data.byteLength);
  }
}

/** A magic of ASCII text at a fixed place. */
export function text(at: Magic['at'], value: string, base = 0): Magic {
  return { at, bytes: Uint8Array.from(value, (c) => c.charCodeAt(0)), base };
}

/** A magic given as hexadecimal digits in the order they lie on disk. */
export function hexMagic(at: Magic['at'], digits: string, base = 0): Magic {
  return { at, bytes: Uint8Array.from(digits.match(/../g)!, (d) => Number.parseInt(d, 16)), base };
}
