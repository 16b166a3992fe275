import { arg, Device, defineAction, type Session } from '@vmcraft/core/guest';
import { type ArraySet, nameOf } from '../array-set.js';
import { mdadmUuid } from '../create-array.js';
import { levelName } from '../levels.js';
import type { MdDevice } from '../superblock.js';
import { arrays, findArray } from './shared.js';

const theme = 'md';
const group = 'mdadm';

/** What `mdadm --detail --export` says, its keys in lower case. */
async function detail(g: Session, device: string): Promise<Record<string, string>> {
  const { set } = await findArray(g, device, 'md_detail');
  const { superblock } = set;
  const out: Record<string, string> = {
    level: levelName(superblock.level),
    devices: String(superblock.disks),
    metadata: superblock.version,
    uuid: mdadmUuid(superblock.uuid),
  };
  if (superblock.name !== '') Object.assign(out, { devname: superblock.name, name: superblock.name });
  for (const { device: member, slot } of inUse(set)) {
    const key = `device_${nameOf(member).slice(1).replaceAll('/', '_')}`;
    out[`${key}_role`] = slot === undefined ? 'spare' : String(slot);
    out[`${key}_dev`] = nameOf(member);
  }
  return out;
}

interface Used {
  readonly device: MdDevice;
  readonly slot: number | undefined;
}

function inUse({ slots, replacements, spares, journal }: ArraySet): Used[] {
  const used: Used[] = slots.flatMap((device, slot) => (device === undefined ? [] : [{ device, slot }]));
  for (const [slot, device] of replacements) used.push({ device, slot });
  for (const device of spares) used.push({ device, slot: undefined });
  if (journal !== undefined) used.push({ device: journal, slot: undefined });
  return used;
}

/** `/proc/mdstat`: the number of each device and its flags. */
async function stat(g: Session, name: string) {
  const { set } = await findArray(g, name, 'md_stat');
  return inUse(set)
    .sort((a, b) => a.device.superblock.number - b.device.superblock.number)
    .map(({ device }) => ({
      mdstat_device: nameOf(device),
      mdstat_index: device.superblock.number,
      mdstat_flags: flagsOf(device),
    }));
}

function flagsOf({ superblock }: MdDevice): string {
  const { role, rebuilt, isWriteMostly, isReplacement } = superblock;
  const flags = [
    isWriteMostly ? 'W' : '',
    role === 'journal' ? 'J' : '',
    role === 'faulty' ? 'F' : '',
    role === 'spare' || (rebuilt !== undefined && !isReplacement) ? 'S' : '',
    isReplacement ? 'R' : '',
  ];
  return flags.join('');
}

/** Actions that tell of arrays. */
export const reportActions = [
  defineAction({
    name: 'list_md_devices',
    theme,
    args: [],
    returns: 'RStringList',
    doc: 'Names of all Linux md arrays that are up.',
    run: (g) =>
      arrays(g)
        .map(({ name }) => name)
        .sort(),
  }),
  defineAction({
    name: 'md_detail',
    theme,
    group,
    args: [arg('md', Device)],
    returns: 'RHashtable',
    doc: 'Facts of an md array: `level`, `devices` (how many it has room for), `metadata` (version), `uuid`, `name`, `devname`, and the role of each member.',
    run: detail,
  }),
  defineAction({
    name: 'md_stat',
    theme,
    group,
    args: [arg('md', Device)],
    returns: { structList: 'mdstat' },
    doc: 'The members of an md array with their numbers and flags: `W` write-mostly, `J` journal, `F` faulty, `S` spare, `R` replacement.',
    run: stat,
  }),
] as const;
