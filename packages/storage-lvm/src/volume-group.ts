import { CorruptImageError } from '@vmcraft/core/errors';
import {
  type ConfigScalar,
  type ConfigSection,
  listOf,
  numberOf,
  parseConfig,
  sectionOf,
  textOf,
  textsOf,
} from './config-text.js';
import { isUuid } from './uuid.js';

/** A physical volume as the metadata of its group describes it. Sectors are of 512 bytes. */
export interface PhysicalVolume {
  /** Its name within the metadata: `pv0`. */
  readonly key: string;
  readonly uuid: string;
  /** Where it was last seen; a hint only. */
  readonly device: string | undefined;
  readonly status: ReadonlySet<string>;
  readonly flags: ReadonlySet<string>;
  readonly tags: readonly string[];
  /** Sectors. */
  readonly deviceSize: number;
  /** Sectors before the first extent. */
  readonly start: number;
  readonly extents: number;
}

/** A run of extents of a logical volume that is made in one way. */
export interface Segment {
  readonly start: number;
  readonly extents: number;
  /** Without compatibility flags: `striped`, `raid5_ls`, `thin`. */
  readonly type: string;
  /** What stands behind `+` in the type. */
  readonly typeFlags: readonly string[];
  readonly section: ConfigSection;
  /** For errors. */
  readonly name: string;
}

export interface LogicalVolume {
  readonly name: string;
  readonly uuid: string;
  readonly status: ReadonlySet<string>;
  readonly flags: ReadonlySet<string>;
  readonly tags: readonly string[];
  readonly segments: readonly Segment[];
  readonly extents: number;
  readonly section: ConfigSection;
}

/** A volume group as its metadata text tells. */
export interface VolumeGroup {
  readonly name: string;
  readonly uuid: string;
  /** Counts changes: of several copies the highest is in force. */
  readonly seqno: number;
  readonly status: ReadonlySet<string>;
  readonly flags: ReadonlySet<string>;
  readonly tags: readonly string[];
  readonly systemId: string;
  /** Sectors. */
  readonly extentSize: number;
  readonly maxLv: number;
  readonly maxPv: number;
  readonly pvs: ReadonlyMap<string, PhysicalVolume>;
  readonly lvs: ReadonlyMap<string, LogicalVolume>;
  /** The section that all of this was read from. */
  readonly section: ConfigSection;
}

/** lvm(8), "VALID NAMES". */
const NAME = /^(?!-)[a-zA-Z0-9+_.-]{1,127}$/;
/** Bytes in all extents together must stay a safe integer. */
const MAX_SECTORS = Number.MAX_SAFE_INTEGER / 512;

/** Whether text may name a group or volume. */
export function isValidName(name: string): boolean {
  return NAME.test(name) && name !== '.' && name !== '..';
}

/**
 * Read the metadata text of a volume group.
 * @throws CorruptImageError, LimitExceededError
 */
export function parseVolumeGroup(text: string): VolumeGroup {
  const root = parseConfig(text);
  if (root.get('contents') !== 'Text Format Volume Group') {
    throw new CorruptImageError({ structure: 'metadata text', field: 'contents', reason: 'it is not a volume group' });
  }
  const entry = [...root].find((e): e is [string, ConfigSection] => e[1] instanceof Map);
  if (entry === undefined) throw new CorruptImageError({ structure: 'metadata text', reason: 'it has no section' });
  return groupOf(entry[0], entry[1]);
}

/** A volume group from its section. @throws CorruptImageError */
export function groupOf(name: string, section: ConfigSection): VolumeGroup {
  const at = `volume group ${name}`;
  if (!isValidName(name)) throw new CorruptImageError({ structure: 'volume group', reason: 'its name is not valid' });
  const extentSize = numberOf(section, 'extent_size', at);
  if (extentSize === 0) throw new CorruptImageError({ structure: at, field: 'extent_size', reason: 'it is 0' });
  const pvs = new Map<string, PhysicalVolume>();
  for (const [key, pv] of entriesOf(section, 'physical_volumes', at)) pvs.set(key, physicalVolume(key, pv, extentSize));
  const lvs = new Map<string, LogicalVolume>();
  for (const [key, lv] of entriesOf(section, 'logical_volumes', at)) lvs.set(key, logicalVolume(key, lv, extentSize));
  return {
    name,
    uuid: uuidOf(section, at),
    seqno: numberOf(section, 'seqno', at),
    ...marksOf(section, at),
    systemId: section.has('system_id') ? textOf(section, 'system_id', at) : '',
    extentSize,
    maxLv: numberOf(section, 'max_lv', at, 0),
    maxPv: numberOf(section, 'max_pv', at, 0),
    pvs,
    lvs,
    section,
  };
}

function entriesOf(section: ConfigSection, key: string, at: string): [string, ConfigSection][] {
  if (!section.has(key)) return [];
  const entries = [...sectionOf(section, key, at)];
  return entries.filter((entry): entry is [string, ConfigSection] => entry[1] instanceof Map);
}

function uuidOf(section: ConfigSection, at: string): string {
  const uuid = textOf(section, 'id', at);
  if (!isUuid(uuid)) throw new CorruptImageError({ structure: at, field: 'id', reason: 'it is not a UUID' });
  return uuid;
}

function marksOf(
  section: ConfigSection,
  at: string,
): { status: ReadonlySet<string>; flags: ReadonlySet<string>; tags: readonly string[] } {
  return {
    status: new Set(textsOf(section, 'status', at)),
    flags: new Set(textsOf(section, 'flags', at)),
    tags: textsOf(section, 'tags', at),
  };
}

function physicalVolume(key: string, section: ConfigSection, extentSize: number): PhysicalVolume {
  const at = `physical volume ${key}`;
  const start = numberOf(section, 'pe_start', at);
  const extents = numberOf(section, 'pe_count', at);
  if (start + extents * extentSize > MAX_SECTORS) {
    throw new CorruptImageError({ structure: at, field: 'pe_count', reason: 'its end is beyond 2^53 bytes' });
  }
  const device = section.get('device');
  return {
    key,
    uuid: uuidOf(section, at),
    device: typeof device === 'string' ? device : undefined,
    ...marksOf(section, at),
    deviceSize: numberOf(section, 'dev_size', at, start + extents * extentSize),
    start,
    extents,
  };
}

function logicalVolume(name: string, section: ConfigSection, extentSize: number): LogicalVolume {
  const at = `logical volume ${name}`;
  const segments: Segment[] = [];
  let extents = 0;
  for (const [key, value] of section) {
    if (!/^segment\d+$/.test(key) || !(value instanceof Map)) continue;
    const segment = segmentOf(`${name}.${key}`, value);
    if (segment.start !== extents) {
      const reason = `extents are missing or overlap before ${segment.start}, expected ${extents}`;
      throw new CorruptImageError({ structure: `${at} ${key}`, field: 'start_extent', reason });
    }
    extents += segment.extents;
    segments.push(segment);
  }
  if (segments.length !== numberOf(section, 'segment_count', at)) {
    throw new CorruptImageError({ structure: at, field: 'segment_count', reason: `${segments.length} are there` });
  }
  if (extents * extentSize > MAX_SECTORS) {
    throw new CorruptImageError({ structure: at, reason: 'its end is beyond 2^53 bytes' });
  }
  return { name, uuid: uuidOf(section, at), ...marksOf(section, at), segments, extents, section };
}

function segmentOf(name: string, section: ConfigSection): Segment {
  const [type = '', ...typeFlags] = textOf(section, 'type', name).split('+');
  const extents = numberOf(section, 'extent_count', name);
  if (extents === 0) throw new CorruptImageError({ structure: name, field: 'extent_count', reason: 'it is 0' });
  return { start: numberOf(section, 'start_extent', name), extents, type, typeFlags, section, name };
}

/** Pairs of a name and a number, as `stripes` and `mirrors` list them. @throws CorruptImageError */
export function areasOf({ section, name }: Segment, key: string): { readonly name: string; readonly extent: number }[] {
  const list: readonly ConfigScalar[] = listOf(section, key, name);
  const areas: { name: string; extent: number }[] = [];
  for (let i = 0; i < list.length; i += 2) {
    const [area, extent] = [list[i], list[i + 1]];
    if (typeof area !== 'string' || typeof extent !== 'number' || !Number.isSafeInteger(extent) || extent < 0) {
      throw new CorruptImageError({ structure: name, field: key, reason: 'it is no list of names and extents' });
    }
    areas.push({ name: area, extent });
  }
  return areas;
}
