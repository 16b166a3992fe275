import { type FsStat, S_IFDIR, S_IFREG, type SetAttributes, type Timestamp } from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { decodeStamp, encodeStamp } from './dos-time.js';
import { Attribute } from './layout.js';
import { ZONE_VALID } from './layout-exfat.js';
import type { MountOptions } from './mount-options.js';
import type { ClusterNode, EntryFields } from './node.js';

const ALL_BITS = 0o777;
const WRITE_BITS = 0o222;
const READ_EXECUTE_BITS = 0o555;
/** Minutes of one step of exFAT's UTC offset. exFAT specification §7.4.10. */
const ZONE_MINUTES = 15;

/** Permission bits of a node, as Linux makes them up: everything that the masks leave, less writing for read-only files. */
export function modeOf(node: ClusterNode, options: MountOptions): number {
  const { attributes } = node.fields;
  if (node.isDirectory) return S_IFDIR | (ALL_BITS & ~options.dmask);
  const mode = S_IFREG | (ALL_BITS & ~options.fmask);
  return (attributes & Attribute.readOnly) !== 0 ? mode & ~WRITE_BITS : mode;
}

/** How far a stamp's local time is ahead of UTC, minutes. */
function offsetOf(zone: number, options: MountOptions): number {
  if ((zone & ZONE_VALID) === 0) return options.timeOffset;
  const quarters = zone & ~ZONE_VALID;
  return (quarters >= 64 ? quarters - 128 : quarters) * ZONE_MINUTES;
}

/** The three stamps of a node. */
export function timesOf(f: EntryFields, options: MountOptions): Pick<FsStat, 'atime' | 'mtime' | 'ctime' | 'btime'> {
  const mtime = decodeStamp(f.modified, f.modifiedHundredths, offsetOf(f.modifiedZone, options));
  return {
    mtime,
    // Neither format has a change time; Linux shows the modification time.
    ctime: mtime,
    atime: decodeStamp(f.accessed, 0, offsetOf(f.accessedZone, options)),
    btime: decodeStamp(f.created, f.createdHundredths, offsetOf(f.createdZone, options)),
  };
}

/** Setting stamps, in the zone that the format uses for new ones. */
export class Stamper {
  readonly #options: MountOptions;
  readonly #zone: number;
  readonly #fat: boolean;

  /** @param zone UTC offset byte of new stamps; 0 for FAT, which has none */
  constructor(options: MountOptions, zone: number) {
    this.#options = options;
    this.#zone = zone;
    this.#fat = zone === 0;
  }

  get #offset(): number {
    return offsetOf(this.#zone, this.#options);
  }

  modified(fields: EntryFields, when: Timestamp): void {
    const { stamp, hundredths } = encodeStamp(when, this.#offset);
    fields.modified = stamp;
    fields.modifiedHundredths = this.#fat ? 0 : hundredths;
    fields.modifiedZone = this.#zone;
  }

  accessed(fields: EntryFields, when: Timestamp): void {
    // FAT keeps the day only.
    const { stamp } = encodeStamp(when, this.#offset);
    fields.accessed = this.#fat ? (stamp & 0xffff0000) >>> 0 : stamp;
    fields.accessedZone = this.#zone;
  }

  created(fields: EntryFields, when: Timestamp): void {
    const { stamp, hundredths } = encodeStamp(when, this.#offset);
    fields.created = stamp;
    fields.createdHundredths = hundredths;
    fields.createdZone = this.#zone;
  }

  /** All three, of something new. */
  all(fields: EntryFields, when: Timestamp): void {
    this.modified(fields, when);
    this.accessed(fields, when);
    this.created(fields, when);
  }
}

/**
 * Change attributes as Linux does on vfat and exfat: owners can only be what they are, a mode only tells whether a file may be written.
 * @throws FsError EPERM for what the format cannot keep
 */
export function applyAttributes(
  node: ClusterNode,
  change: SetAttributes,
  options: MountOptions,
  stamper: Stamper,
): void {
  const refused =
    (change.uid !== undefined && change.uid !== options.uid) ||
    (change.gid !== undefined && change.gid !== options.gid) ||
    (change.mode !== undefined && (change.mode & 0o7000) !== 0);
  if (refused && !options.quiet) {
    throw new FsError('EPERM', { operation: 'setattr', reason: 'FAT keeps no owners and no special mode bits' });
  }
  if (change.mode !== undefined && !refused) applyMode(node, change.mode, options);
  if (change.mtime !== undefined) stamper.modified(node.fields, change.mtime);
  if (change.atime !== undefined) stamper.accessed(node.fields, change.atime);
  if (change.btime !== undefined) stamper.created(node.fields, change.btime);
}

/** Linux takes a mode only if it is one that the read-only attribute can tell, and silently keeps the old one otherwise. */
function applyMode(node: ClusterNode, mode: number, options: MountOptions): void {
  if (node.isDirectory) return;
  const allowed = ALL_BITS & ~options.fmask;
  if ((mode & allowed & READ_EXECUTE_BITS) !== (allowed & READ_EXECUTE_BITS)) return;
  const write = mode & allowed & WRITE_BITS;
  if (write === 0) node.fields.attributes |= Attribute.readOnly;
  else if (write === (allowed & WRITE_BITS)) node.fields.attributes &= ~Attribute.readOnly;
}
