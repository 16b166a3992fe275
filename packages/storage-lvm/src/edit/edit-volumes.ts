import { FsError, UnsupportedFeatureError, UsageError } from '@vmcraft/core/errors';
import type { ConfigScalar, ConfigSection, ConfigValue } from '../config-text.js';
import { snapshotsOf } from '../snapshot-relations.js';
import { newUuid } from '../uuid.js';
import { areasOf, isValidName, type LogicalVolume, type Segment, type VolumeGroup } from '../volume-group.js';
import { allocate, type ExtentRun, freeExtents, without } from './free-extents.js';

/** A copy of a section that may be changed. */
export function copyOf(section: ConfigSection): ConfigSection {
  return new Map(
    [...section].map(([key, value]): [string, ConfigValue] => [key, value instanceof Map ? copyOf(value) : value]),
  );
}

function volumesIn(section: ConfigSection): ConfigSection {
  const volumes = section.get('logical_volumes');
  if (volumes instanceof Map) return volumes;
  const made: ConfigSection = new Map();
  section.set('logical_volumes', made);
  return made;
}

function requireName(group: VolumeGroup, name: string): void {
  if (
    !isValidName(name) ||
    /^(snapshot|pvmove)\d|_(mlog|mimage|rimage|rmeta|tdata|tmeta|vdata|cdata|cmeta)/.test(name)
  ) {
    throw new UsageError(`'${name}' cannot be the name of a logical volume`);
  }
  if (group.lvs.has(name)) throw new FsError('EEXIST', { operation: 'logical volume', path: `${group.name}/${name}` });
}

/** The section of a linear segment. */
function linearSegment(start: number, run: ExtentRun): ConfigSection {
  return new Map<string, ConfigValue>([
    ['start_extent', start],
    ['extent_count', run.count],
    ['type', 'striped'],
    ['stripe_count', 1],
    ['stripes', [run.pv, run.start]],
  ]);
}

function noSpace(group: VolumeGroup, wanted: number): FsError {
  const free = freeExtents(group).reduce((sum, run) => sum + run.count, 0);
  const reason = `volume group ${group.name} has ${free} free extents, ${wanted} are needed`;
  return new FsError('ENOSPC', { operation: 'allocate', reason });
}

function setSegments(volume: ConfigSection, segments: readonly ConfigSection[]): void {
  for (const key of [...volume.keys()]) if (/^segment\d+$/.test(key)) volume.delete(key);
  volume.set('segment_count', segments.length);
  for (const [i, segment] of segments.entries()) volume.set(`segment${i + 1}`, segment);
}

/**
 * Add a linear volume to a group's section.
 * @throws UsageError, FsError EEXIST, ENOSPC
 */
export function addLinearVolume(group: VolumeGroup, section: ConfigSection, name: string, extents: number): void {
  requireName(group, name);
  if (extents < 1) throw new UsageError('a volume has at least one extent');
  if (group.maxLv > 0 && group.lvs.size >= group.maxLv) throw noSpace(group, extents);
  const runs = allocate(freeExtents(group), extents);
  if (runs === undefined) throw noSpace(group, extents);
  const volume: ConfigSection = new Map<string, ConfigValue>([
    ['id', newUuid()],
    ['status', ['READ', 'WRITE', 'VISIBLE']],
    ['flags', []],
    ['creation_time', Math.floor(Date.now() / 1000)],
    ['creation_host', 'vmcraft'],
  ]);
  let start = 0;
  const segments: ConfigSection[] = [];
  for (const run of runs) {
    segments.push(linearSegment(start, run));
    start += run.count;
  }
  setSegments(volume, segments);
  volumesIn(section).set(name, volume);
}

/** A volume's section within a group's. @throws FsError ENOENT */
function volumeIn(
  group: VolumeGroup,
  section: ConfigSection,
  name: string,
): { lv: LogicalVolume; volume: ConfigSection } {
  const lv = group.lvs.get(name);
  const volume = volumesIn(section).get(name);
  if (lv === undefined || !(volume instanceof Map)) {
    throw new FsError('ENOENT', { operation: 'logical volume', path: `${group.name}/${name}` });
  }
  return { lv, volume };
}

const isPlain = (segment: Segment): boolean => segment.type === 'striped' || segment.type === 'linear';

/**
 * Change the number of extents of a linear or striped volume; that of a thin one is only its virtual size. Striped ones get whole stripes.
 * @throws UnsupportedFeatureError, FsError ENOSPC
 */
export function resizeVolume(group: VolumeGroup, section: ConfigSection, name: string, wanted: number): void {
  if (wanted < 1) throw new UsageError('a volume has at least one extent');
  const { lv, volume } = volumeIn(group, section, name);
  const isThin = lv.segments.length === 1 && lv.segments[0]!.type === 'thin';
  const { byStore, origins, merging } = snapshotsOf(group);
  const isInSnapshot = byStore.has(name) || origins.has(name) || merging.has(name);
  if (isInSnapshot || !(isThin || lv.segments.every(isPlain))) {
    const feature = `resizing a volume of type ${isInSnapshot ? 'snapshot' : lv.segments[0]?.type}`;
    throw new UnsupportedFeatureError({ structure: `${group.name}/${name}`, feature, workaround: 'use lvresize' });
  }
  const segments = lv.segments.map((s) => copyOf(s.section));
  const stripes = isThin ? 1 : areasOf(lv.segments.at(-1)!, 'stripes').length;
  if (isThin) segments[0]!.set('extent_count', wanted);
  else if (wanted < lv.extents) shrink(lv, segments, wanted);
  else if (wanted > lv.extents) {
    const more = Math.ceil((wanted - lv.extents) / stripes);
    segments.push(...(stripes === 1 ? growLinear(group, lv, segments, more) : growStriped(group, lv, stripes, more)));
  }
  setSegments(volume, segments);
}

function shrink(lv: LogicalVolume, segments: ConfigSection[], wanted: number): void {
  for (let i = lv.segments.length - 1; i >= 0 && lv.segments[i]!.start >= wanted; i--) segments.pop();
  const last = lv.segments[segments.length - 1]!;
  const stripes = areasOf(last, 'stripes').length;
  const kept = Math.min(last.extents, Math.ceil((wanted - last.start) / stripes) * stripes);
  segments.at(-1)!.set('extent_count', kept);
}

/** New segments; where the first goes on behind the last old one, that is made longer instead. */
function growLinear(group: VolumeGroup, lv: LogicalVolume, segments: ConfigSection[], more: number): ConfigSection[] {
  const last = lv.segments.at(-1)!;
  const [area] = areasOf(last, 'stripes');
  const free = freeExtents(group);
  const next = free.find((run) => run.pv === area?.name && run.start === area.extent + last.extents);
  const joined = next === undefined ? 0 : Math.min(next.count, more);
  const taken = joined === 0 ? [] : [{ ...next!, count: joined }];
  const rest = more === joined ? [] : allocate(without(free, taken), more - joined);
  if (rest === undefined) throw noSpace(group, more);
  if (joined > 0) segments.at(-1)!.set('extent_count', last.extents + joined);
  let start = lv.extents + joined;
  return rest.map((run) => {
    const segment = linearSegment(start, run);
    start += run.count;
    return segment;
  });
}

/** One more segment with as many stripes, each on another physical volume. */
function growStriped(group: VolumeGroup, lv: LogicalVolume, stripes: number, each: number): ConfigSection[] {
  const areas: ConfigScalar[] = [];
  const seen = new Set<string>();
  for (const run of freeExtents(group)) {
    if (seen.has(run.pv) || run.count < each || seen.size === stripes) continue;
    seen.add(run.pv);
    areas.push(run.pv, run.start);
  }
  if (seen.size < stripes) throw noSpace(group, each * stripes);
  const segment = copyOf(lv.segments.at(-1)!.section);
  segment
    .set('start_extent', lv.extents)
    .set('extent_count', each * stripes)
    .set('stripes', areas);
  return [segment];
}

/** Texts of a segment that are names of volumes. */
const REFERENCES = [
  'origin',
  'external_origin',
  'thin_pool',
  'cow_store',
  'merging_store',
  'cache_pool',
  'pool',
  'metadata',
  'data',
  'mirror_log',
  'writecache',
  'meta_dev',
  'vdo_pool',
  'raids',
  'raid0_lvs',
  'mirrors',
  'stripes',
];

function referencesOf(segment: Segment): string[] {
  return REFERENCES.flatMap((key) => {
    const value = segment.section.get(key);
    if (typeof value === 'string') return [value];
    return Array.isArray(value) ? value.filter((v) => typeof v === 'string') : [];
  });
}

/** A volume and the hidden ones that it alone is made from. */
export function partsOf(group: VolumeGroup, name: string): string[] {
  const found = new Set<string>();
  const visit = (part: string): void => {
    const lv = group.lvs.get(part);
    if (lv === undefined || found.has(part)) return;
    found.add(part);
    for (const reference of lv.segments.flatMap(referencesOf)) {
      if (group.pvs.has(reference) || group.lvs.get(reference)?.status.has('VISIBLE') === true) continue;
      visit(reference);
    }
  };
  visit(name);
  return [...found];
}

/**
 * Take a volume out, with the hidden volumes it is made from; an origin goes with its snapshots.
 * @returns names of the visible volumes that are gone
 * @throws UnsupportedFeatureError for thin and cached volumes, whose pools would have to be told
 */
export function removeVolume(group: VolumeGroup, section: ConfigSection, name: string): string[] {
  const { lv } = volumeIn(group, section, name);
  const volumes = volumesIn(section);
  const type = lv.segments[0]?.type ?? '';
  if (['thin', 'thin-pool', 'cache', 'cache-pool', 'writecache', 'vdo', 'vdo-pool'].includes(type)) {
    const feature = `removing a volume of type ${type}`;
    throw new UnsupportedFeatureError({ structure: `${group.name}/${name}`, feature, workaround: 'use lvremove' });
  }
  const user = [...group.lvs.values()].find((o) =>
    o.segments.some((s) => s.type === 'thin' && s.section.get('external_origin') === name),
  );
  if (user !== undefined) {
    throw new FsError('EBUSY', { operation: 'lvremove', path: name, reason: `${user.name} is made from it` });
  }
  const { byStore, origins, merging } = snapshotsOf(group);
  const relations = [byStore.get(name), merging.get(name), ...(origins.get(name) ?? [])].filter((r) => r !== undefined);
  const gone = [name];
  for (const relation of relations) {
    volumes.delete(relation.name);
    if (relation.origin !== name) continue;
    volumes.delete(relation.store);
    gone.push(relation.store);
  }
  for (const part of partsOf(group, name)) volumes.delete(part);
  return gone;
}

/** Give a volume another name, in everything that refers to it; hidden parts named after it too. */
export function renameVolume(group: VolumeGroup, section: ConfigSection, name: string, to: string): void {
  volumeIn(group, section, name);
  requireName(group, to);
  const names = new Map([[name, to]]);
  for (const part of partsOf(group, name)) {
    if (part.startsWith(`${name}_`)) names.set(part, to + part.slice(name.length));
  }
  const renamed: ConfigSection = new Map();
  for (const [key, value] of volumesIn(section)) {
    if (value instanceof Map)
      for (const segment of value.values()) if (segment instanceof Map) rewrite(group, segment, names);
    renamed.set(names.get(key) ?? key, value);
  }
  section.set('logical_volumes', renamed);
}

function rewrite(group: VolumeGroup, segment: ConfigSection, names: ReadonlyMap<string, string>): void {
  const of = (value: ConfigScalar): ConfigScalar =>
    typeof value === 'string' && !group.pvs.has(value) ? (names.get(value) ?? value) : value;
  for (const key of REFERENCES) {
    const value = segment.get(key);
    if (typeof value === 'string') segment.set(key, of(value));
    else if (Array.isArray(value)) segment.set(key, value.map(of));
  }
}
