import type { Session } from './session.js';

/** Names that other buses give to disks: the letters stay. */
const OTHER_BUS = /^\/dev\/[hv]d([a-z]+\d*)$/;

/** `/dev/sda1` for `/dev/vda1` and `/dev/hda1`; other names as they are. Nothing is looked up. */
export function canonicalName(name: string): string {
  return name.replace(OTHER_BUS, '/dev/sd$1');
}

/** The usual name of a logical volume that is given by its name under `/dev/mapper` or `/dev/dm-`. */
export function mapperName(g: Session, name: string): string | undefined {
  if (!name.startsWith('/dev/mapper/') && !name.startsWith('/dev/dm-')) return undefined;
  return g.storage.find(name)?.name;
}

/** Labels of drives and their devices; partitions have the label with their number. */
export function labelledDevices(g: Session): Record<string, string> {
  const labels: Record<string, string> = {};
  const disks = g.storage.devices.filter((d) => d.kind === 'disk');
  for (const disk of disks) {
    const label = g.opened.drives[disk.index ?? -1]?.drive.spec.label;
    if (label === undefined) continue;
    labels[label] = disk.name;
    for (const child of g.storage.childrenOf(disk.name)) {
      if (child.partition !== undefined) labels[`${label}${child.partition.number}`] = child.name;
    }
  }
  return labels;
}
