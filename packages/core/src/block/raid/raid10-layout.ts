import { UsageError } from '../../errors/index.js';

/** How copies lie on the disks of a RAID 10 (md(4), "RAID10"). */
export interface Raid10Geometry {
  readonly disks: number;
  /** Copies side by side. */
  readonly near: number;
  /** Copies further down. */
  readonly far: number;
  /** Far copies lie in the next stripe, not in another part of the disk. */
  readonly isOffset: boolean;
  /**
   * Disks among which far copies move: all of them, or in sets (bits 17 and up of md's layout: 1 sets of `disks / far`, 2 sets of `near × far`).
   */
  readonly farSetSize: number;
  /** Bytes. */
  readonly chunkSize: number;
  /** Bytes of each member that belong to the array. */
  readonly memberSize: number;
  /** Bytes from one far copy to the next. */
  readonly stride: number;
  /** Bytes of the array. */
  readonly size: number;
}

/** Where one copy of a chunk lies. */
export interface ChunkCopy {
  readonly disk: number;
  /** Bytes on the member. */
  readonly offset: number;
}

/**
 * What md's `layout` number means for disks of a size (Linux drivers/md, "struct geom"; md(4)).
 * @param layout bits 0-7 near copies, 8-15 far copies, bit 16 offset, bits 17 and up the kind of far sets
 * @throws UsageError when no array is like that
 */
export function raid10Geometry(layout: number, disks: number, chunkSize: number, memberSize: number): Raid10Geometry {
  const near = layout & 0xff;
  const far = (layout >>> 8) & 0xff;
  const isOffset = (layout & 0x10000) !== 0;
  const sets = layout >>> 17;
  if (near < 1 || far < 1 || near * far > disks || disks > 4096 || sets > 2) {
    throw new UsageError(`no RAID 10 of ${disks} disks has the layout 0x${layout.toString(16)}`);
  }
  const farSetSize = sets === 0 ? disks : sets === 1 ? Math.floor(disks / far) : near * far;
  const chunks = Math.floor(memberSize / chunkSize);
  const stride = isOffset ? chunkSize : Math.floor(chunks / far) * chunkSize;
  const size = Math.floor((Math.floor(chunks / far) * disks) / near) * chunkSize;
  return { disks, near, far, isOffset, farSetSize: Math.max(1, farSetSize), chunkSize, memberSize, stride, size };
}

/** All copies of a chunk, the one to read first first. */
export function raid10Copies(geometry: Raid10Geometry, chunk: number): ChunkCopy[] {
  const { disks, near, far, isOffset, chunkSize } = geometry;
  const place = chunk * near;
  const row = Math.floor(place / disks);
  let disk = place - row * disks;
  let offset = row * (isOffset ? far : 1) * chunkSize;
  const copies: ChunkCopy[] = [];
  for (let n = 0; n < near; n++) {
    copies.push({ disk, offset });
    for (let f = 1, d = disk; f < far; f++) {
      d = shifted(geometry, d);
      copies.push({ disk: d, offset: offset + f * geometry.stride });
    }
    disk++;
    if (disk >= disks) {
      disk = 0;
      offset += chunkSize;
    }
  }
  return copies;
}

/** The disk of the next far copy: `near` disks on, within the set that the disk is in. A rest of disks joins the last set. */
function shifted({ disks, near, farSetSize }: Raid10Geometry, disk: number): number {
  const whole = Math.floor(disks / farSetSize);
  const rest = disks % farSetSize;
  const lastStart = (whole - 1) * farSetSize;
  const set = Math.floor(disk / farSetSize);
  const next = disk + near;
  if (rest !== 0 && next > lastStart) return lastStart + ((next - lastStart) % (farSetSize + rest));
  return set * farSetSize + (next % farSetSize);
}
