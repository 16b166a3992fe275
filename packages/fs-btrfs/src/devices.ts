import { recoverData } from '@vmcraft/core/block';
import type { BlockDevice, IoOptions } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { ChunkMap, Piece, Place } from './chunk-map.js';

/** A device that belongs to the file system and is not there. */
export class MissingDeviceError extends CorruptImageError {
  constructor(devid: number, uuid: string | undefined) {
    const name = uuid === undefined ? `devid ${devid}` : `devid ${devid} (${uuid})`;
    super({ structure: 'btrfs device', reason: `${name} is missing; add the disk it is on` });
  }
}

/** What the chunk tree says of a device. Sizes are bytes. */
export interface KnownDevice {
  readonly uuid: string;
  readonly size: number;
  /** In chunks. */
  readonly used: number;
  /** It belongs to the file system that this one grew from. */
  readonly isSeed: boolean;
}

/** The devices of one file system. */
export class DeviceSet {
  readonly #devices = new Map<number, BlockDevice>();
  /** All devices, by id, as the chunk tree has them. */
  readonly known = new Map<number, KnownDevice>();

  /** UUIDs of devices that are read before the chunk tree is. */
  readonly early = new Map<number, string>();

  add(devid: number, device: BlockDevice): void {
    this.#devices.set(devid, device);
  }

  has(devid: number): boolean {
    return this.#devices.has(devid);
  }

  get(devid: number): BlockDevice | undefined {
    return this.#devices.get(devid);
  }

  missing(devid: number): MissingDeviceError {
    return new MissingDeviceError(devid, this.known.get(devid)?.uuid ?? this.early.get(devid));
  }

  /** Undefined when the device is not there, or ends before. */
  async read({ devid, offset }: Place, length: number, options?: IoOptions): Promise<Uint8Array | undefined> {
    const device = this.#devices.get(devid);
    if (device === undefined || offset + length > device.size) return undefined;
    return device.read(offset, length, options);
  }
}

/** Reads logical addresses, from whichever copy is good. */
export class LogicalSpace {
  constructor(
    readonly chunks: ChunkMap,
    readonly devices: DeviceSet,
  ) {}

  /**
   * The bytes at a logical address, from the first copy that `isGood` takes.
   * @param isGood undefined takes any
   * @returns undefined when copies are there and none is good
   * @throws MissingDeviceError when no copy can be read
   */
  async readPiece(
    piece: Piece,
    isGood: ((data: Uint8Array) => boolean) | undefined,
    options?: IoOptions,
  ): Promise<Uint8Array | undefined> {
    let wasRead = false;
    for (const copy of piece.copies) {
      const data = await this.devices.read(copy, piece.length, options);
      if (data === undefined) continue;
      wasRead = true;
      if (isGood === undefined || isGood(data)) return data;
    }
    for (const lost of piece.parity === undefined ? [] : lostChoices(piece)) {
      const data = await this.#fromParity(piece, lost, options);
      if (data === undefined) continue;
      wasRead = true;
      if (isGood === undefined || isGood(data)) return data;
    }
    const [first] = piece.copies;
    if (!wasRead && first !== undefined) {
      const absent = piece.copies.find((copy) => !this.devices.has(copy.devid)) ?? first;
      throw this.devices.missing(absent.devid);
    }
    return undefined;
  }

  /**
   * One element of a row through the others.
   * @param alsoLost another element that is not to be believed, with two parities
   */
  async #fromParity(piece: Piece, alsoLost: number | undefined, options?: IoOptions): Promise<Uint8Array | undefined> {
    const { chunk, row, within, element } = piece.parity as NonNullable<Piece['parity']>;
    const count = chunk.stripes.length;
    const parities = chunk.kind === 'raid5' ? 1 : 2;
    const elements = count - parities;
    const at = (i: number): Promise<Uint8Array | undefined> => {
      const stripe = chunk.stripes[(row + i) % count] as Place;
      const place = { devid: stripe.devid, offset: stripe.offset + row * chunk.stripeLength + within };
      return i === alsoLost ? Promise.resolve(undefined) : this.devices.read(place, piece.length, options);
    };
    const data: (Uint8Array | undefined)[] = [];
    for (let i = 0; i < elements; i++) data.push(i === element ? undefined : await at(i));
    const p = await at(elements);
    const q = parities === 2 ? await at(elements + 1) : undefined;
    const lost = data.filter((d) => d === undefined).length;
    const isEnough = lost === 1 ? p !== undefined || q !== undefined : lost === 2 && p !== undefined && q !== undefined;
    if (!isEnough) return undefined;
    recoverData({ data, p, q, exponents: data.map((_, i) => i) });
    return data[element];
  }
}

/** Which other element may be bad too: none, or with RAID 6 any of them. */
function lostChoices(piece: Piece): readonly (number | undefined)[] {
  const { chunk, element } = piece.parity as NonNullable<Piece['parity']>;
  if (chunk.kind === 'raid5') return [undefined];
  const others = chunk.stripes.map((_, i) => i).filter((i) => i !== element);
  return [undefined, ...others];
}
