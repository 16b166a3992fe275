import type { Fact, FileTree, GuestFilesystem, GuestView, WindowsBootEntry } from '@vmcraft/core';
import type { Hive } from '@vmcraft/format-regf';
import { BootDevice, BootPartition, DEVICE_TYPE_PARTITION, TABLE_GPT, TABLE_MBR } from '../layout-mounted-devices.js';
import { CaseTree } from './case-tree.js';
import { HiveReader, numberOf, textOf } from './hive-reader.js';

/** Well-known object: the boot manager (Microsoft, "BCD system store settings"). */
const BOOT_MANAGER = '{9dea862c-5cdd-4e70-acc1-f32b344d4795}';

/** Elements (Microsoft, BcdLibraryElementTypes, BcdOSLoaderElementTypes, BcdBootMgrElementTypes). */
const Element = {
  device: '11000001',
  path: '12000002',
  description: '12000004',
  osDevice: '21000001',
  systemRoot: '22000002',
  defaultObject: '23000003',
} as const;

/** The low bits of an object's type say what it starts (Microsoft, BCD object types). */
const KINDS: Readonly<Record<number, WindowsBootEntry['kind']>> = {
  1: 'manager',
  2: 'manager',
  3: 'loader',
  4: 'resume',
  5: 'tool',
};
/** Objects that start something, and not settings that others inherit. */
const APPLICATION_OBJECT = 1;

/** A boot configuration that was found. */
export interface BootConfiguration {
  readonly firmware: Fact<'bios' | 'uefi'>;
  readonly entries: Fact<readonly WindowsBootEntry[]>;
}

/** Where boot configurations lie, by firmware. */
const STORES = [
  ['uefi', '/EFI/Microsoft/Boot/BCD'],
  ['bios', '/Boot/BCD'],
] as const;

/** Opens a hive of a tree; undefined when there is none. */
export type HiveOpener = (files: FileTree, path: string) => Promise<Hive | undefined>;

/**
 * The boot configuration that starts the system on `root`: one whose loader names that partition, else the only one on its disk.
 */
export async function readBootConfiguration(
  view: GuestView,
  root: string,
  open: HiveOpener,
  warnings: string[],
): Promise<BootConfiguration | undefined> {
  const own = view.filesystems.find((f) => f.mountable === root);
  let fallback: BootConfiguration | undefined;
  for (const candidate of view.filesystems) {
    if (!candidate.canMount || candidate.place?.disk !== own?.place?.disk) continue;
    for (const [firmware, place] of STORES) {
      const found = await readStore(view, candidate, place, open, warnings);
      if (found === undefined) continue;
      const configuration = { firmware: { value: firmware, source: found.source }, entries: found };
      if (found.value.some((entry) => entry.kind === 'loader' && entry.device === root)) return configuration;
      fallback ??= configuration;
    }
  }
  return fallback;
}

async function readStore(
  view: GuestView,
  filesystem: GuestFilesystem,
  place: string,
  open: HiveOpener,
  warnings: string[],
): Promise<Fact<readonly WindowsBootEntry[]> | undefined> {
  const tree = new CaseTree(await view.tree(filesystem.mountable));
  const path = await tree.findFile(place);
  if (path === undefined) return undefined;
  const hive = await open(tree.files, path);
  if (hive === undefined) return undefined;
  const reader = new HiveReader(hive, `${filesystem.mountable}:${path}`, warnings);
  return reader.fact(await readEntries(reader, view.filesystems));
}

async function readEntries(
  store: HiveReader,
  filesystems: readonly GuestFilesystem[],
): Promise<readonly WindowsBootEntry[]> {
  const element = async (object: string, id: string) => store.value(`Objects\\${object}\\Elements\\${id}`, 'Element');
  const chosen = textOf(await element(BOOT_MANAGER, Element.defaultObject))?.toLowerCase();
  const entries: WindowsBootEntry[] = [];
  for (const { name } of await store.subkeys('Objects')) {
    const type = numberOf(await store.value(`Objects\\${name}\\Description`, 'Type'));
    if (type === undefined || type >>> 28 !== APPLICATION_OBJECT) continue;
    const description = textOf(await element(name, Element.description));
    const path = textOf(await element(name, Element.path));
    const device = deviceOf(
      (await element(name, Element.osDevice)) ?? (await element(name, Element.device)),
      filesystems,
    );
    entries.push({
      id: name.toLowerCase(),
      kind: KINDS[type & 0xfffff] ?? 'other',
      ...(description === undefined ? {} : { description }),
      ...(path === undefined ? {} : { path }),
      ...(device === undefined ? {} : { device }),
      isDefault: name.toLowerCase() === chosen,
    });
  }
  return entries;
}

/** The device of this guest that a device element names; undefined when it is none of them. */
function deviceOf(
  value: { readonly raw: Uint8Array } | undefined,
  filesystems: readonly GuestFilesystem[],
): string | undefined {
  const raw = value?.raw;
  if (raw === undefined || raw.length < BootDevice.size + BootPartition.size) return undefined;
  if (BootDevice.decode(raw).type !== DEVICE_TYPE_PARTITION) return undefined;
  const { partition, offset, tableType, signature } = BootPartition.decode(raw, BootDevice.size);
  const disk = signature.toString(16).padStart(8, '0');
  const at = filesystems.filter(({ place }) => {
    if (tableType === TABLE_GPT) return place?.guid === partition;
    return tableType === TABLE_MBR && place?.diskId === disk && BigInt(place.offset) === offset;
  });
  return (at.find((f) => f.canMount) ?? at[0])?.mountable;
}
