/** A change of a file that a power loss may undo. */
type Pending =
  | { readonly kind: 'write'; readonly offset: number; readonly data: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number };

/** Unit in which a power loss keeps or loses what was written, bytes. */
export const SECTOR = 512;

/** Contents of a simulated file: as the running system sees them, and as they are on the disk. */
export class SimulatedInode {
  bytes: Uint8Array;
  mtimeNs: bigint;
  #durable: Uint8Array;
  #durableTime: bigint;
  #pending: Pending[] = [];

  constructor(
    readonly ino: bigint,
    bytes: Uint8Array,
    now: bigint,
  ) {
    this.bytes = bytes.slice();
    this.#durable = bytes.slice();
    this.mtimeNs = now;
    this.#durableTime = now;
  }

  write(offset: number, data: Uint8Array, now: bigint): void {
    this.bytes = written(this.bytes, offset, data);
    this.#pending.push({ kind: 'write', offset, data: data.slice() });
    this.mtimeNs = now;
  }

  truncate(size: number, now: bigint): void {
    this.bytes = resized(this.bytes, size);
    this.#pending.push({ kind: 'truncate', size });
    this.mtimeNs = now;
  }

  flush(): void {
    this.#durable = this.bytes.slice();
    this.#durableTime = this.mtimeNs;
    this.#pending = [];
  }

  /** Contents after a power loss: what was not flushed is there or not, sector by sector. */
  afterPowerLoss(random: () => number): SimulatedInode {
    let bytes: Uint8Array = this.#durable.slice();
    for (const change of this.#pending) {
      if (change.kind === 'truncate') {
        if (random() < 0.5) bytes = resized(bytes, change.size);
        continue;
      }
      for (let at = 0; at < change.data.length; ) {
        const end = Math.min(change.data.length, at + SECTOR - ((change.offset + at) % SECTOR));
        if (random() < 0.5) bytes = written(bytes, change.offset + at, change.data.subarray(at, end));
        at = end;
      }
    }
    return new SimulatedInode(this.ino, bytes, random() < 0.5 ? this.mtimeNs : this.#durableTime);
  }

  /** As the running system saw it: what a kill of the process alone leaves. */
  afterKill(): SimulatedInode {
    return new SimulatedInode(this.ino, this.bytes, this.mtimeNs);
  }
}

function resized(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  out.set(bytes.subarray(0, size));
  return out;
}

function written(bytes: Uint8Array, offset: number, data: Uint8Array): Uint8Array {
  const out = offset + data.length > bytes.length ? resized(bytes, offset + data.length) : bytes;
  out.set(data, offset);
  return out;
}
