import type { BlockDevice, WarningSink } from '@vmcraft/core/contracts';
import { isVmcraftError, messageOf } from '@vmcraft/core/errors';
import { type MetadataArea, readMetadataArea, readMetadataText } from './metadata-area.js';
import { type PvLabel, readPvLabel } from './physical-volume-label.js';
import { type PhysicalVolume, parseVolumeGroup, type VolumeGroup } from './volume-group.js';

/** A device that may be a physical volume. */
export interface ScanInput {
  readonly device: BlockDevice;
  readonly deviceName?: string;
}

/** A device that is a physical volume, whatever group it is in. */
export interface FoundPv {
  readonly device: BlockDevice;
  readonly name: string;
  readonly label: PvLabel;
  /** Areas whose header is whole. */
  readonly areas: readonly MetadataArea[];
}

/** A volume group, and where its physical volumes are. */
export interface FoundGroup {
  readonly group: VolumeGroup;
  /** The metadata text in force. */
  readonly text: string;
  /** Devices by the PV's name within the metadata. Missing and duplicate ones are not here. */
  readonly devices: ReadonlyMap<string, FoundPv>;
  /** Why each other physical volume cannot be used. */
  readonly problems: ReadonlyMap<string, string>;
  /** UUIDs of other groups of the same name. */
  readonly namesakes: readonly string[];
}

/** Everything LVM on some devices. */
export interface GroupScan {
  readonly pvs: readonly FoundPv[];
  readonly groups: readonly FoundGroup[];
  /** Physical volumes of no group. */
  readonly orphans: readonly FoundPv[];
}

interface Copy {
  readonly group: VolumeGroup;
  readonly text: string;
  readonly from: FoundPv;
}

/** Find physical volumes and the groups they make up. What is damaged, missing or there twice becomes a warning and is left out. */
export async function scanGroups(inputs: readonly ScanInput[], warn: WarningSink): Promise<GroupScan> {
  const pvs: FoundPv[] = [];
  const copies: Copy[] = [];
  for (const input of inputs) {
    const name = input.deviceName ?? 'device';
    const label = await attempt(name, warn, () => readPvLabel(input.device));
    if (label === undefined) continue;
    const areas: MetadataArea[] = [];
    const pv: FoundPv = { device: input.device, name, label, areas };
    pvs.push(pv);
    for (const span of label.metadataAreas) {
      await attempt(name, warn, async () => {
        const area = await readMetadataArea(input.device, span);
        areas.push(area);
        const text = await readMetadataText(input.device, area);
        if (text !== undefined) copies.push({ group: parseVolumeGroup(text), text, from: pv });
      });
    }
  }
  const newest = newestCopies(copies, warn);
  const groups = newest.map((copy) => locate(copy, pvs, newest, warn));
  const used = new Set(groups.flatMap(({ group }) => [...group.pvs.values()].map((pv) => pv.uuid)));
  const orphans = pvs.filter((pv) => !used.has(pv.label.uuid));
  for (const pv of orphans) {
    const old = copies.find((copy) => copy.from === pv);
    if (old === undefined) continue;
    const message = `${pv.name} was taken out of volume group ${old.group.name} (${old.group.uuid}): its metadata is old`;
    warn({ source: 'lvm', message });
  }
  return { pvs, groups, orphans };
}

async function attempt<T>(name: string, warn: WarningSink, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isVmcraftError(error) || error.code === 'VMC_ABORTED') throw error;
    warn({ source: 'lvm', message: `${name}: ${messageOf(error)}`, cause: error });
    return undefined;
  }
}

/** For each group the copy with the highest sequence number. */
function newestCopies(copies: readonly Copy[], warn: WarningSink): Copy[] {
  const newest = new Map<string, Copy>();
  for (const copy of copies) {
    const { uuid, name, seqno } = copy.group;
    const best = newest.get(uuid);
    if (best === undefined || best.group.seqno < seqno) {
      newest.set(uuid, copy);
    } else if (best.group.seqno === seqno && best.text !== copy.text) {
      const message = `two copies of the metadata of ${name} (${uuid}) with sequence number ${seqno} differ: that of ${best.from.name} is used, not that of ${copy.from.name}`;
      warn({ source: 'lvm', message });
    }
  }
  for (const { group, from } of copies) {
    const { name, seqno } = newest.get(group.uuid)!.group;
    if (group.seqno >= seqno) continue;
    const message = `${from.name} has old metadata of ${name}: sequence number ${group.seqno}, not ${seqno}`;
    warn({ source: 'lvm', message });
  }
  return [...newest.values()];
}

function locate(copy: Copy, pvs: readonly FoundPv[], all: readonly Copy[], warn: WarningSink): FoundGroup {
  const { group, text } = copy;
  const devices = new Map<string, FoundPv>();
  const problems = new Map<string, string>();
  for (const [key, pv] of group.pvs) {
    const found = pvs.filter((p) => p.label.uuid === pv.uuid);
    if (found.length === 1 && !isMarkedMissing(pv)) devices.set(key, found[0]!);
    else problems.set(key, problemOf(pv, found));
  }
  for (const problem of problems.values()) warn({ source: 'lvm', message: `volume group ${group.name}: ${problem}` });
  const namesakes = all.map((c) => c.group).filter((g) => g.name === group.name && g.uuid !== group.uuid);
  return { group, text, devices, problems, namesakes: namesakes.map((g) => g.uuid) };
}

/** A physical volume that was away while its group changed: what lies on it may be old. */
function isMarkedMissing(pv: PhysicalVolume): boolean {
  return pv.flags.has('MISSING') || pv.status.has('MISSING');
}

function problemOf(pv: PhysicalVolume, found: readonly FoundPv[]): string {
  if (found.length > 1) {
    return `physical volume ${pv.uuid} is there ${found.length} times, on ${found.map((f) => f.name).join(' and ')}; give only one`;
  }
  if (found.length === 1) {
    return `physical volume ${pv.uuid} (${found[0]!.name}) was missing when the group was changed and is not used since`;
  }
  const hint = pv.device === undefined ? '' : `, last seen as ${pv.device},`;
  return `physical volume ${pv.uuid}${hint} is missing; add the disk it is on`;
}
