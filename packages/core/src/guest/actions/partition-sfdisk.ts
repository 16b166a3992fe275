import { UsageError } from '../../errors/index.js';
import { formatPartitionTable, readPartitionTable } from '../../partition/index.js';
import { partitionName } from '../../storage/index.js';
import { arg, Device, defineAction, Int, PlainString, StringList } from '../action.js';
import { changeDevice, changeTable } from '../device-changes.js';
import { tableOf } from '../partition-facts.js';
import type { Session } from '../session.js';
import { applyLine, applyScript, formatGeometry, geometryOf } from '../sfdisk.js';
import { parseLine, parseSfdiskScript } from '../sfdisk-script.js';

const device = arg('device', Device);
const lines = arg('lines', StringList(PlainString));
const geometry = [arg('cyls', Int), arg('heads', Int), arg('sectors', Int)] as const;
const MIB = 1 << 20;

async function run(g: Session, name: string, script: readonly string[], unit: number, action: string): Promise<void> {
  const { sectorSize } = g.device(name, action).device;
  const parsed = parseSfdiskScript(script, { sectorSize, unit: unit === 0 ? sectorSize : unit });
  await changeDevice(g, name, action, (disk) => applyScript(disk, parsed));
}

async function runOne(g: Session, name: string, number: number, text: string): Promise<void> {
  if (number < 1) throw new UsageError('partitions are counted from 1', { argument: 'partnum' });
  const { sectorSize } = g.device(name).device;
  const line = parseLine(text.trim(), { sectorSize, unit: sectorSize });
  await changeTable(
    g,
    name,
    'sfdisk_N',
    (n) => n === number,
    async (disk) => {
      await tableOf(disk, name, 'sfdisk_N');
      await applyLine(disk, number, line);
    },
  );
}

/** The older functions on partition tables, which take and give what sfdisk(8) reads and prints. */
export const partitionSfdiskActions = [
  defineAction({
    name: 'sfdisk',
    theme: 'partition',
    deprecatedBy: 'part_add',
    args: [device, ...geometry, lines],
    returns: 'void',
    doc: 'Replace the partition table by what lines for sfdisk(8) say: `start,size,type,bootable` in sectors, each of which may be left out. The geometry makes no difference.',
    run: (g, name, _cyls, _heads, _sectors, script) => run(g, name, script, 0, 'sfdisk'),
  }),
  defineAction({
    name: 'sfdiskM',
    theme: 'partition',
    deprecatedBy: 'part_add',
    args: [device, lines],
    returns: 'void',
    doc: 'As `sfdisk`, with places and sizes in MiB.',
    run: (g, name, script) => run(g, name, script, MIB, 'sfdiskM'),
  }),
  defineAction({
    name: 'sfdisk_N',
    theme: 'partition',
    deprecatedBy: 'part_add',
    args: [device, arg('partnum', Int), ...geometry, arg('line', PlainString)],
    returns: 'void',
    doc: 'Change or add one partition by a line for sfdisk(8). What the line leaves out stays as it is.',
    run: (g, name, number, _cyls, _heads, _sectors, line) => runOne(g, name, number, line),
  }),
  defineAction({
    name: 'sfdisk_l',
    theme: 'partition',
    deprecatedBy: 'part_list',
    args: [device],
    returns: 'RString',
    doc: 'The partition table in the form of `sfdisk -l`, for people to read.',
    run: async (g, name) => {
      const { device: disk, kind } = g.device(name);
      const table = await readPartitionTable(disk);
      return formatPartitionTable(name, disk, table, (number) => partitionName(name, number, kind === 'volume'));
    },
  }),
  defineAction({
    name: 'sfdisk_disk_geometry',
    theme: 'partition',
    args: [device],
    returns: 'RString',
    doc: 'Cylinders, heads and sectors of a disk, as a kernel makes them up from its size. For people to read.',
    run: (g, name) => formatGeometry(name, geometryOf(g.device(name).device)),
  }),
  defineAction({
    name: 'sfdisk_kernel_geometry',
    theme: 'partition',
    args: [device],
    returns: 'RString',
    doc: 'As `sfdisk_disk_geometry`.',
    run: (g, name) => formatGeometry(name, geometryOf(g.device(name).device)),
  }),
] as const;
