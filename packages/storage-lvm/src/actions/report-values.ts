import type { StructValue } from '@vmcraft/core/guest';
import { countFree, countUsed } from '../edit/free-extents.js';
import type { FoundGroup, FoundPv } from '../group-scan.js';
import { MDA_HEADER_SIZE, SECTOR } from '../layout.js';
import type { MetadataArea } from '../metadata-area.js';
import { type SnapshotRelations, snapshotsOf } from '../snapshot-relations.js';
import { plainUuid } from '../uuid.js';
import type { LogicalVolume, VolumeGroup } from '../volume-group.js';

/** Bytes that the metadata of a group may still grow in an area, as pvs(8) counts them: the old and the new text must both fit. */
function freeIn(area: MetadataArea): number {
  const ring = area.size - MDA_HEADER_SIZE;
  const used = area.committed === undefined ? 0 : area.committed.size + SECTOR - 1;
  return used * 2 >= ring ? 0 : Math.floor((ring - 2 * used) / 2 / SECTOR) * SECTOR;
}

const smallest = (values: readonly number[]): number => (values.length === 0 ? 0 : Math.min(...values));

/** What pvs(8) says of a physical volume. */
export function describePv(pv: FoundPv, groups: readonly FoundGroup[]): StructValue<'lvm_pv'> {
  const found = groups.find(({ group }) => [...group.pvs.values()].some((p) => p.uuid === pv.label.uuid));
  const member = [...(found?.group.pvs.values() ?? [])].find((p) => p.uuid === pv.label.uuid);
  const extentBytes = (found?.group.extentSize ?? 0) * SECTOR;
  const used = found === undefined || member === undefined ? 0 : countUsed(found.group, member.key);
  const total = member?.extents ?? 0;
  const size = member === undefined ? pv.label.deviceSize : total * extentBytes;
  const exported = found?.group.status.has('EXPORTED') === true ? 'x' : '-';
  const missing = member?.flags.has('MISSING') === true ? 'm' : '-';
  return {
    pv_name: pv.name,
    pv_uuid: plainUuid(pv.label.uuid),
    pv_fmt: 'lvm2',
    pv_size: size,
    dev_size: pv.device.size,
    pv_free: member === undefined ? size : (total - used) * extentBytes,
    pv_used: used * extentBytes,
    pv_attr: `${member?.status.has('ALLOCATABLE') === true ? 'a' : member === undefined ? '-' : 'u'}${exported}${missing}`,
    pv_pe_count: total,
    pv_pe_alloc_count: used,
    pv_tags: member?.tags.join(',') ?? '',
    pe_start: member === undefined ? (pv.label.dataAreas[0]?.offset ?? 0) : member.start * SECTOR,
    pv_mda_count: pv.areas.length,
    pv_mda_free: smallest(pv.areas.map(freeIn)),
  };
}

/** What vgs(8) says of a group. */
export function describeGroup({ group, devices, problems }: FoundGroup): StructValue<'lvm_vg'> {
  const bytes = group.extentSize * SECTOR;
  const extents = [...group.pvs.values()].reduce((sum, pv) => sum + pv.extents, 0);
  const free = countFree(group);
  const { hidden, byStore } = snapshotsOf(group);
  const shown = [...group.lvs.values()].filter(
    (lv) => !hidden.has(lv.name) && (lv.status.has('VISIBLE') || byStore.has(lv.name)),
  );
  const areas = [...devices.values()].flatMap((pv) => pv.areas);
  return {
    vg_name: group.name,
    vg_uuid: plainUuid(group.uuid),
    vg_fmt: 'lvm2',
    vg_attr: groupAttributes(group, problems.size > 0),
    vg_size: extents * bytes,
    vg_free: free * bytes,
    vg_sysid: group.systemId,
    vg_extent_size: bytes,
    vg_extent_count: extents,
    vg_free_count: free,
    max_lv: group.maxLv,
    max_pv: group.maxPv,
    pv_count: group.pvs.size,
    lv_count: shown.length,
    snap_count: byStore.size,
    vg_seqno: group.seqno,
    vg_tags: group.tags.join(','),
    vg_mda_count: areas.length,
    vg_mda_free: smallest(areas.map(freeIn)),
  };
}

/** vgs(8), "NOTES": permissions, resizeable, exported, partial, allocation policy, clustered. */
function groupAttributes({ status, flags }: VolumeGroup, isPartial: boolean): string {
  const marks = [
    status.has('WRITE') ? 'w' : 'r',
    status.has('RESIZEABLE') ? 'z' : '-',
    status.has('EXPORTED') ? 'x' : '-',
    isPartial ? 'p' : '-',
    'n',
    status.has('CLUSTERED') ? 'c' : flags.has('SHARED') ? 's' : '-',
  ];
  return marks.join('');
}

/** First and seventh letter of lvs(8)'s attributes, and the modules of the kernel, by segment type. */
const TYPES: readonly (readonly [prefix: string, type: string, target: string, modules: string])[] = [
  ['mirror', 'm', 'm', 'mirror'],
  ['raid0', 'r', 'r', 'raid'],
  ['raid', 'r', 'r', 'raid'],
  ['thin-pool', 't', 't', 'thin-pool'],
  ['thin', 'V', 't', 'thin,thin-pool'],
  ['cache-pool', 'C', 'C', 'cache'],
  ['cache', 'C', 'C', 'cache'],
  ['writecache', 'C', 'C', 'writecache'],
  ['vdo-pool', 'd', 'v', 'vdo'],
  ['vdo', 'v', 'v', 'vdo'],
];

/** What lvs(8) says of a volume. */
export function describeVolume(found: FoundGroup, lv: LogicalVolume, isActive: boolean): StructValue<'lvm_lv'> {
  const { group } = found;
  const relations = snapshotsOf(group);
  const snapshot = relations.byStore.get(lv.name);
  const segment = lv.segments[0]?.section;
  const origin = segment?.get('origin') ?? segment?.get('external_origin');
  const type = TYPES.find(([prefix]) => lv.segments[0]?.type.startsWith(prefix));
  const isRelated = snapshot !== undefined || relations.origins.has(lv.name) || relations.merging.has(lv.name);
  const sized = snapshot === undefined ? lv : (group.lvs.get(lv.name) ?? lv);
  const log = segment?.get('mirror_log');
  return {
    lv_name: lv.name,
    lv_uuid: plainUuid(lv.uuid),
    lv_attr: volumeAttributes(lv, relations, type, isActive),
    lv_major: -1,
    lv_minor: -1,
    lv_kernel_major: -1,
    lv_kernel_minor: -1,
    lv_size: sized.extents * group.extentSize * SECTOR,
    seg_count: lv.segments.length,
    origin: snapshot?.origin ?? (typeof origin === 'string' ? origin : ''),
    snap_percent: -1,
    copy_percent: -1,
    move_pv: '',
    lv_tags: lv.tags.join(','),
    mirror_log: typeof log === 'string' ? log : '',
    modules: type?.[3] ?? (isRelated ? 'snapshot' : ''),
  };
}

/** lvs(8), "NOTES". */
function volumeAttributes(
  lv: LogicalVolume,
  relations: SnapshotRelations,
  type: (typeof TYPES)[number] | undefined,
  isActive: boolean,
): string {
  const isSnapshot = relations.byStore.has(lv.name);
  const isOrigin = relations.origins.has(lv.name);
  const isMerging = relations.merging.has(lv.name);
  const kind = isMerging ? 'O' : isSnapshot ? 's' : isOrigin ? 'o' : (type?.[1] ?? '-');
  const unsynced = lv.status.has('NOTSYNCED') && (kind === 'm' || kind === 'r');
  const target = isSnapshot || isOrigin || isMerging ? 's' : (type?.[2] ?? '-');
  const zeroes = lv.segments[0]?.section.get('zero_new_blocks') === 1 ? 'z' : '-';
  return [
    unsynced ? kind.toUpperCase() : kind,
    lv.status.has('WRITE') ? 'w' : 'r',
    'i',
    '-',
    isActive ? 'a' : '-',
    '-',
    target,
    zeroes,
    '-',
    lv.flags.has('ACTIVATION_SKIP') ? 'k' : '-',
  ].join('');
}
