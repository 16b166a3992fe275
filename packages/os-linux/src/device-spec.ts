import type { GuestFilesystem, GuestView } from '@vmcraft/core';

const unquoted = (text: string): string => text.replace(/^"(.*)"$/, '$1').replace(/^'(.*)'$/, '$1');
const same = (a: string | undefined, b: string): boolean => a !== undefined && a.toLowerCase() === b.toLowerCase();

/** Names under /dev/disk/by-* escape characters as udev does: `\x20`. */
function udevUnescape(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** How each tag of fstab(5) and each /dev/disk folder finds its file system. */
const MATCHERS: Readonly<Record<string, (fs: GuestFilesystem, value: string) => boolean>> = {
  UUID: (fs, value) => same(fs.uuid, value),
  LABEL: (fs, value) => fs.label === value,
  PARTUUID: (fs, value) => same(fs.partUuid, value),
  PARTLABEL: (fs, value) => fs.partLabel === value,
};

/** `/dev/mapper/vg-root` is `/dev/vg/root`: a dash in a name is doubled there (dm name mangling of LVM). */
export function mapperToVolume(name: string): string | undefined {
  const match = /^\/dev\/mapper\/(.+)$/.exec(name);
  if (match === null) return undefined;
  const parts = (match[1] as string).split(/(?<!-)-(?!-)/).map((p) => p.replaceAll('--', '-'));
  return parts.length === 2 ? `/dev/${parts[0]}/${parts[1]}` : undefined;
}

/** Ids of /dev/disk/by-id and by-path end in the partition number; the disk itself cannot be told from outside the guest. */
function byIdPartition(name: string, view: GuestView, root: string): string | undefined {
  const match = /^\/dev\/disk\/by-(?:id|path)\/.*-part(\d+)$/.exec(name);
  const disk = /^(\/dev\/[a-z]+?)\d+$/.exec(root)?.[1];
  return match === null || disk === undefined ? undefined : view.resolveDevice(`${disk}${match[1]}`);
}

/**
 * The mountable that a device specification of fstab(5) or a kernel command line means, or undefined.
 * @param root mountable of the root file system: by-id names resolve to partitions of its disk
 */
export function resolveSpec(view: GuestView, spec: string, root: string): string | undefined {
  const tag = /^(UUID|LABEL|PARTUUID|PARTLABEL)=(.*)$/.exec(spec);
  const link = /^\/dev\/disk\/by-(uuid|label|partuuid|partlabel)\/(.*)$/.exec(spec);
  const key = tag?.[1] ?? link?.[1]?.toUpperCase();
  if (key !== undefined) {
    const value = tag === null ? udevUnescape(link?.[2] as string) : unquoted(tag[2] as string);
    return view.filesystems.find((fs) => MATCHERS[key]?.(fs, value) === true)?.mountable;
  }
  const luks = /^\/dev\/mapper\/luks-([0-9a-f-]+)$/i.exec(spec);
  const volume = luks === null ? mapperToVolume(spec) : undefined;
  return (
    view.resolveDevice(spec) ??
    (volume === undefined ? undefined : view.resolveDevice(volume)) ??
    byIdPartition(spec, view, root)
  );
}
