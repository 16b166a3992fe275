import { UsageError } from '@vmcraft/core/errors';
import { parseSize } from '../language/number.js';
import { syntaxError } from '../language/shell-error.js';
import { createImageFile } from './meta/images.js';
import type { Shell } from './shell.js';

interface Parameter {
  readonly name: string;
  readonly default: string;
  readonly summary: string;
}

/** A kind of disk that `-N` makes. */
interface PreparedType {
  readonly name: string;
  readonly summary: string;
  readonly doc: string;
  readonly parameters: readonly Parameter[];
  /** Uses logical volumes. */
  readonly lvm?: boolean;
  /** Partition and format the disk, once launched. */
  prepare(shell: Shell, device: string, values: Readonly<Record<string, string>>): Promise<void>;
}

const size: Parameter = { name: 'size', default: '1G', summary: 'the size of the disk image' };
const partition: Parameter = { name: 'partition', default: 'mbr', summary: 'partition table type' };
const filesystem: Parameter = { name: 'filesystem', default: 'ext2', summary: 'the type of filesystem to use' };
const volume: Parameter = { name: 'name', default: '/dev/VG/LV', summary: 'the name of the VG and LV to use' };
const bootfs: Parameter = { name: 'bootfs', default: 'ext2', summary: 'the type of filesystem to use for boot' };
const rootfs: Parameter = { name: 'rootfs', default: 'ext2', summary: 'the type of filesystem to use for root' };
const bootsize: Parameter = { name: 'bootsize', default: '128M', summary: 'the size of the boot filesystem' };

/** First sector of the first partition, and how many at the end stay free for a backup table. */
const ALIGNMENT_SECTORS = 2048;
const TAIL_SECTORS = 64;

async function twoPartitions(shell: Shell, device: string, values: Readonly<Record<string, string>>): Promise<void> {
  const sector = await shell.call<number>('blockdev_getss', [device]);
  const bootSectors = Math.floor(parseSize(values.bootsize!) / sector);
  await shell.call('part_init', [device, values.partition!]);
  await shell.call('part_add', [device, 'primary', ALIGNMENT_SECTORS, ALIGNMENT_SECTORS + bootSectors - 1]);
  await shell.call('part_add', [device, 'primary', ALIGNMENT_SECTORS + bootSectors, -TAIL_SECTORS]);
  await shell.call('mkfs', [values.bootfs!, `${device}1`]);
}

async function makeVolume(shell: Shell, physical: string, name: string): Promise<void> {
  const [group, logical] = /^\/dev\/([^/]+)\/([^/]+)$/.exec(name)?.slice(1) ?? [];
  if (group === undefined || logical === undefined) throw syntaxError(`-N: '${name}' is not of the form /dev/VG/LV`);
  await shell.call('pvcreate', [physical]);
  await shell.call('vgcreate', [group, [physical]]);
  await shell.call('lvcreate_free', [logical, group, 100]);
}

const TYPES: readonly PreparedType[] = [
  {
    name: 'disk',
    summary: 'create a blank disk',
    doc: 'Create a blank disk, size 1G (by default).',
    parameters: [size],
    async prepare() {},
  },
  {
    name: 'part',
    summary: 'create a partitioned disk',
    doc: 'Create a disk with a single partition. By default the size of the disk is 1G (the space in the partition is a little smaller) and the partition table is MBR (old DOS-style).',
    parameters: [size, partition],
    prepare: async (shell, device, v) => shell.call('part_disk', [device, v.partition!]),
  },
  {
    name: 'fs',
    summary: 'create a filesystem',
    doc: 'Create a disk with a single partition, with the partition containing an empty filesystem: by default a 1G disk with an MBR (old DOS-style) partition table and an ext2 filesystem.',
    parameters: [filesystem, size, partition],
    async prepare(shell, device, v) {
      await shell.call('part_disk', [device, v.partition!]);
      await shell.call('mkfs', [v.filesystem!, `${device}1`]);
    },
  },
  {
    name: 'lv',
    summary: 'create a disk with logical volume',
    doc: 'Create a disk with a single partition, set up the partition as an LVM2 physical volume, and place a volume group and logical volume on there. Note this does not create a filesystem. Use "lvfs" to do that.',
    parameters: [volume, size, partition],
    lvm: true,
    async prepare(shell, device, v) {
      await shell.call('part_disk', [device, v.partition!]);
      await makeVolume(shell, `${device}1`, v.name!);
    },
  },
  {
    name: 'lvfs',
    summary: 'create a disk with logical volume and filesystem',
    doc: 'As "lv", then format the logical volume with a filesystem.',
    parameters: [volume, filesystem, size, partition],
    lvm: true,
    async prepare(shell, device, v) {
      await shell.call('part_disk', [device, v.partition!]);
      await makeVolume(shell, `${device}1`, v.name!);
      await shell.call('mkfs', [v.filesystem!, v.name!]);
    },
  },
  {
    name: 'bootroot',
    summary: 'create a boot and root filesystem',
    doc: 'Create a disk with two partitions, for boot and root filesystem. Format the two filesystems independently.',
    parameters: [bootfs, rootfs, size, bootsize, partition],
    async prepare(shell, device, v) {
      await twoPartitions(shell, device, v);
      await shell.call('mkfs', [v.rootfs!, `${device}2`]);
    },
  },
  {
    name: 'bootrootlv',
    summary: 'create a boot and root filesystem using LVM',
    doc: 'As "bootroot", but the root filesystem (only) is placed on a logical volume.',
    parameters: [
      { ...volume, summary: 'the name of the VG and LV for root' },
      bootfs,
      rootfs,
      size,
      bootsize,
      partition,
    ],
    lvm: true,
    async prepare(shell, device, v) {
      await twoPartitions(shell, device, v);
      await makeVolume(shell, `${device}2`, v.name!);
      await shell.call('mkfs', [v.rootfs!, v.name!]);
    },
  },
];

/** What `-N help` prints. */
export function preparedHelp(program: string): string {
  const pages = TYPES.map((type) => {
    const options = type.parameters.map((p) => `<${p.name}>`).join(':');
    const lines = type.parameters.map((p) => `      <${p.name}> ${p.summary} (default: ${p.default})`);
    const lvm = type.lvm === true ? '\n\n  Logical volumes cannot be created by this version.' : '';
    return [
      `${program} -N ${type.name.padEnd(8)} - ${type.summary}\n`,
      `  ${type.doc}${lvm}\n`,
      `  Optional parameters:\n    -N ${type.name}:${options}\n${lines.join('\n')}\n`,
    ].join('\n');
  });
  return `List of available prepared disk images:\n\n${pages.join('\n')}`;
}

/** A disk that `-N` asks for. */
export interface PreparedDisk {
  readonly path: string;
  readonly size: number;
  prepare(shell: Shell, device: string): Promise<void>;
}

/**
 * Read the value of `-N`: `[FILENAME=]TYPE[:PARAMETER…]`.
 * @param index counts the `-N` of the command line from 1, for the default name `test1.img`
 * @param program name of this program, for messages
 * @throws ShellError for an unknown type or too many parameters
 */
export function parsePreparedDisk(text: string, index: number, program: string): PreparedDisk {
  const equals = text.indexOf('=');
  const path = equals < 0 ? `test${index}.img` : text.slice(0, equals);
  const [name = '', ...given] = text.slice(equals + 1).split(':');
  const type = TYPES.find((candidate) => candidate.name === name);
  if (type === undefined) {
    throw syntaxError(
      `-N parameter ‘${name}’: no such prepared disk image known.\nUse '${program} -N help' to list possible values for the -N parameter.`,
    );
  }
  if (given.length > type.parameters.length) {
    throw syntaxError(`-N ${name}: too many parameters: at most ${type.parameters.length} (see -N help)`);
  }
  const values = Object.fromEntries(type.parameters.map((p, i) => [p.name, given[i] || p.default]));
  return {
    path,
    size: parseSize(values.size!),
    async prepare(shell, device) {
      if (type.lvm === true) await requireVolumes(shell, name);
      await type.prepare(shell, device, values);
    },
  };
}

async function requireVolumes(shell: Shell, name: string): Promise<void> {
  const known = shell.guest.actions.find('lvcreate_free') !== undefined;
  if (known && (await shell.call<boolean>('feature_available', [['lvm2']]))) return;
  throw new UsageError(`-N ${name}: creating logical volumes (LVM) is not available here`, {
    hint: "use -N fs or -N bootroot, which need no LVM; 'supported' lists what is available",
  });
}

/**
 * Make the file of a prepared disk and add it.
 * @throws HostError when the file cannot be made
 */
export async function addPreparedDisk(shell: Shell, disk: PreparedDisk): Promise<void> {
  if (shell.settings.dryRun) throw new UsageError(`-N ${disk.path}: --dry-run creates no files`);
  await createImageFile(disk.path, disk.size, 'sparse');
  await shell.call('add_drive', [disk.path], { format: 'raw' });
}
