import { parseDiskName, partitionName } from './device-names.js';
import type { DiscoveredDevice, DiskInput } from './discovered-device.js';

/** Ways of naming a device by what is on it, as fstab(5) and udev spell them. */
const TAGS = {
  UUID: 'by-uuid',
  LABEL: 'by-label',
  PARTUUID: 'by-partuuid',
  PARTLABEL: 'by-partlabel',
} as const;

type Tag = keyof typeof TAGS;

const GUESTFS_LABEL = /^\/dev\/disk\/guestfs\/(.+)$/;
const MAPPER = /^\/dev\/mapper\/(.+)$/;

/** Looks devices up by their names and aliases. Where several share a label or UUID, the first of the tree is meant. */
export class DeviceIndex {
  readonly #byName = new Map<string, DiscoveredDevice>();
  readonly #byAlias = new Map<string, DiscoveredDevice>();
  readonly #byTag = new Map<string, DiscoveredDevice>();
  readonly #disks: readonly DiskInput[];
  readonly #diskNames: readonly string[];

  constructor(devices: readonly DiscoveredDevice[], disks: readonly DiskInput[]) {
    this.#disks = disks;
    this.#diskNames = devices.filter((d) => d.kind === 'disk').map((d) => d.name);
    for (const device of devices) {
      this.#byName.set(device.name, device);
      for (const alias of device.aliases ?? []) if (!this.#byAlias.has(alias)) this.#byAlias.set(alias, device);
      this.#tag('UUID', device.signature?.uuid, device);
      this.#tag('LABEL', device.signature?.label, device);
      this.#tag('PARTUUID', device.partition?.uuid, device);
      this.#tag('PARTLABEL', device.partition?.name, device);
    }
  }

  /** Undefined when nothing is meant. */
  find(name: string): DiscoveredDevice | undefined {
    return (
      this.#byName.get(name) ??
      this.#findAlias(name) ??
      this.#findTag(name) ??
      this.#findMapper(name) ??
      this.#findDisk(name)
    );
  }

  /** The other name of a device, or the partition of such a one. */
  #findAlias(name: string): DiscoveredDevice | undefined {
    const [, disk = '', number] = /^(.+?)p?(\d+)$/.exec(name) ?? [];
    const whole = this.#byAlias.get(name);
    const of = whole ?? this.#byAlias.get(disk);
    if (whole !== undefined || of === undefined) return whole;
    return this.#byName.get(partitionName(of.name, Number(number), true));
  }

  #tag(tag: Tag, value: string | undefined, device: DiscoveredDevice): void {
    if (value === undefined || value === '') return;
    const key = tagKey(tag, value);
    if (!this.#byTag.has(key)) this.#byTag.set(key, device);
  }

  #findTag(name: string): DiscoveredDevice | undefined {
    for (const tag of Object.keys(TAGS) as Tag[]) {
      const folder = `/dev/disk/${TAGS[tag]}/`;
      if (name.startsWith(`${tag}=`)) return this.#byTag.get(tagKey(tag, unquote(name.slice(tag.length + 1))));
      if (name.startsWith(folder)) return this.#byTag.get(tagKey(tag, unescapeUdev(name.slice(folder.length))));
    }
    return undefined;
  }

  /** `/dev/mapper/vg-lv`, where a dash within a name is doubled. */
  #findMapper(name: string): DiscoveredDevice | undefined {
    const match = MAPPER.exec(name);
    if (match === null) return undefined;
    const [group, volume, ...more] = match[1]!.split(/(?<!-)-(?!-)/).map((part) => part.replaceAll('--', '-'));
    return volume === undefined || more.length > 0 ? undefined : this.#byName.get(`/dev/${group}/${volume}`);
  }

  #findDisk(name: string): DiscoveredDevice | undefined {
    const label = GUESTFS_LABEL.exec(name)?.[1];
    if (label !== undefined) return this.#findLabelled(label);
    const reference = parseDiskName(name);
    const disk = reference === undefined ? undefined : this.#diskNames[reference.disk];
    if (reference === undefined || disk === undefined) return undefined;
    return this.#byName.get(reference.partition === undefined ? disk : partitionName(disk, reference.partition));
  }

  /** A drive label, and the number of a partition behind it. */
  #findLabelled(label: string): DiscoveredDevice | undefined {
    for (const [i, disk] of this.#disks.entries()) {
      if (disk.label === undefined || !label.startsWith(disk.label)) continue;
      const rest = label.slice(disk.label.length);
      const name = this.#diskNames[i]!;
      if (rest === '') return this.#byName.get(name);
      if (/^[1-9]\d*$/.test(rest)) return this.#byName.get(partitionName(name, Number(rest)));
    }
    return undefined;
  }
}

/** UUIDs compare without regard to case, labels with. */
function tagKey(tag: Tag, value: string): string {
  return `${tag}=${tag.endsWith('UUID') ? value.toLowerCase() : value}`;
}

function unquote(value: string): string {
  return /^(["']).*\1$/.test(value) ? value.slice(1, -1) : value;
}

/** udev writes bytes it does not like as `\xNN`. */
function unescapeUdev(value: string): string {
  const bytes = value.replace(/\\x([0-9a-f]{2})/gi, (_, digits: string) => `%${digits}`);
  try {
    return decodeURIComponent(bytes);
  } catch {
    return value;
  }
}
