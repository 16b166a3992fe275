import { ConcatDevice, readOnly, SliceDevice } from '@vmcraft/core/block';
import type { BlockDevice, WarningSink } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { FoundGroup } from './group-scan.js';
import { SECTOR } from './layout.js';
import { MissingPvError } from './missing-pv.js';
import { openSnapshot } from './segment-snapshot.js';
import { segmentBuilder } from './segment-types.js';
import { snapshotsOf } from './snapshot-relations.js';
import type { LogicalVolume, Segment } from './volume-group.js';

/** Volumes within volumes; LVM itself stacks half a dozen. */
const MAX_DEPTH = 32;

/** What the builder of a segment works with. */
export interface SegmentContext {
  readonly found: FoundGroup;
  readonly lv: LogicalVolume;
  readonly segment: Segment;
  /** Bytes of an extent, and of the segment. */
  readonly extentBytes: number;
  readonly bytes: number;
  readonly warn: WarningSink;
  /** A part of a physical volume or of a logical volume, from one of its extents on. @throws MissingPvError and others */
  area(name: string, extent: number, bytes: number): Promise<BlockDevice>;
  /** The data of another logical volume of the group. */
  volume(name: string): Promise<BlockDevice>;
}

/** Makes devices of the logical volumes of one group. */
export class VolumeBuilder {
  readonly #opened = new Map<string, Promise<BlockDevice>>();
  readonly #extentBytes: number;

  constructor(
    private readonly found: FoundGroup,
    private readonly warn: WarningSink,
  ) {
    this.#extentBytes = found.group.extentSize * SECTOR;
  }

  /**
   * A volume as its user sees it: a snapshot over its origin, an origin into which one is being merged.
   * @throws MissingPvError, CorruptImageError, UnsupportedFeatureError, TruncatedImageError, LimitExceededError
   */
  async open(name: string): Promise<BlockDevice> {
    const lv = this.#find(name, 'volume group');
    const relations = snapshotsOf(this.found.group);
    const snapshot = relations.byStore.get(name) ?? relations.merging.get(name);
    if (snapshot !== undefined) {
      return this.#permitted(lv, await openSnapshot(snapshot, this.#extentBytes, (part) => this.#data(part, [])));
    }
    const data = await this.#data(name, []);
    if (relations.origins.has(name)) {
      return readOnly(data, `it has snapshots, which a change would have to be copied into`);
    }
    return this.#permitted(lv, data);
  }

  #permitted(lv: LogicalVolume, device: BlockDevice): BlockDevice {
    return lv.status.has('WRITE') ? device : readOnly(device, 'the volume is marked read-only');
  }

  #find(name: string, user: string): LogicalVolume {
    const lv = this.found.group.lvs.get(name);
    if (lv !== undefined) return lv;
    throw new CorruptImageError({ structure: user, reason: `it is made from a volume '${name}' that does not exist` });
  }

  /** What a volume's own segments hold. `trail` names the volumes that are being made from it. */
  #data(name: string, trail: readonly string[]): Promise<BlockDevice> {
    const lv = this.#find(name, trail.at(-1) ?? 'volume group');
    if (trail.includes(name) || trail.length >= MAX_DEPTH) {
      const reason = trail.includes(name) ? 'it is made from itself' : `it is nested deeper than ${MAX_DEPTH}`;
      throw new CorruptImageError({ structure: `logical volume ${name}`, reason });
    }
    let device = this.#opened.get(name);
    if (device === undefined) {
      device = this.#join(lv, [...trail, name]);
      this.#opened.set(name, device);
    }
    return device;
  }

  async #join(lv: LogicalVolume, trail: readonly string[]): Promise<BlockDevice> {
    const parts: BlockDevice[] = [];
    for (const segment of lv.segments) {
      const bytes = segment.extents * this.#extentBytes;
      const device = await segmentBuilder(segment)({
        found: this.found,
        lv,
        segment,
        extentBytes: this.#extentBytes,
        bytes,
        warn: this.warn,
        area: (name, extent, length) => this.#area(name, extent, length, trail),
        volume: async (name) => this.#data(name, trail),
      });
      parts.push(device.size === bytes ? device : new SliceDevice(device, 0, bytes, { name: segment.name }));
    }
    return parts.length === 1 ? parts[0]! : new ConcatDevice(parts, { name: lv.name });
  }

  async #area(name: string, extent: number, length: number, trail: readonly string[]): Promise<BlockDevice> {
    const pv = this.found.group.pvs.get(name);
    if (pv === undefined) {
      const volume = await this.#data(name, trail);
      return new SliceDevice(volume, extent * this.#extentBytes, length, { name });
    }
    const subject = `logical volume ${this.found.group.name}/${trail[0]}`;
    if (extent + length / this.#extentBytes > pv.extents) {
      const reason = `it needs extent ${extent} and following of ${name}, which has ${pv.extents}`;
      throw new CorruptImageError({ structure: subject, reason });
    }
    const found = this.found.devices.get(name);
    if (found === undefined) throw new MissingPvError(subject, this.found.problems.get(name) ?? `${name} is missing`);
    const start = pv.start * SECTOR + extent * this.#extentBytes;
    return new SliceDevice(found.device, start, length, { name: `${subject} on ${found.name}` });
  }
}
