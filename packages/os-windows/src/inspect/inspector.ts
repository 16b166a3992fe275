import {
  type Application,
  type Fact,
  type FileTree,
  type GuestView,
  messageOf,
  type OperatingSystem,
  type OsInspector,
  type WindowsFacts,
} from '@vmcraft/core';
import type { Hive } from '@vmcraft/format-regf';
import { openTreeHive } from '../registry/tree-hive.js';
import { readAccounts } from './accounts.js';
import { readApplications } from './applications.js';
import { readArchitecture } from './architecture.js';
import { readBootConfiguration } from './boot-configuration.js';
import { CaseTree } from './case-tree.js';
import { readDriveLetters } from './drive-letters.js';
import { readHibernation } from './hibernation.js';
import { HiveReader } from './hive-reader.js';
import { readHotfixes } from './hotfixes.js';
import { languageTag } from './languages.js';
import { osinfoId } from './osinfo.js';
import { readPendingReboot } from './pending-reboot.js';
import { type Product, present, readProduct, versionText } from './product.js';
import { readAntivirus, readGroupPolicy } from './security-products.js';
import { readServices } from './services.js';
import { findSystemRoot, type SystemRoot } from './system-root.js';
import { ianaTimezone } from './time-zones.js';

/** Control sets are numbered from 1; SYSTEM\Select says which one is in use. */
const MAX_CONTROL_SET = 999;

/** What inspection works with, once Windows is found. */
interface Found {
  readonly view: GuestView;
  readonly root: string;
  readonly tree: CaseTree;
  readonly system: SystemRoot;
  readonly hives: { readonly software?: HiveReader; readonly system?: HiveReader; readonly sam?: HiveReader };
  readonly controlSet: Fact<string> | undefined;
  readonly warnings: string[];
}

/** Says which Windows a volume holds, by its files and its registry, and where everything that it says was found. */
export class WindowsInspector implements OsInspector {
  readonly name = 'windows';

  async inspect(view: GuestView, root: string): Promise<OperatingSystem | undefined> {
    const tree = new CaseTree(await view.tree(root));
    const system = await findSystemRoot(tree);
    if (system === undefined) return undefined;
    const warnings: string[] = [];
    const config = `${system.path}/System32/config`;
    const hives = present<Found['hives']>({
      software: await openReader(tree, system.software, warnings),
      system: await openReader(tree, system.system, warnings),
      sam: await openReader(tree, await tree.findFile(`${config}/SAM`), warnings),
    });
    const controlSet = await currentControlSet(hives.system);
    return describe({ view, root, tree, system, hives, controlSet, warnings });
  }

  async applications(view: GuestView, os: OperatingSystem): Promise<readonly Application[]> {
    const tree = new CaseTree(await view.tree(os.root));
    const software = await openReader(tree, (await findSystemRoot(tree))?.software, []);
    return software === undefined ? [] : readApplications(software);
  }
}

/** A reader of the hive at a path; undefined when there is none or it cannot be read, which is a warning. */
async function openReader(
  tree: CaseTree,
  path: string | undefined,
  warnings: string[],
): Promise<HiveReader | undefined> {
  if (path === undefined) return undefined;
  const hive = await openWarned(tree.files, path, warnings);
  return hive === undefined ? undefined : new HiveReader(hive, path, warnings);
}

async function openWarned(files: FileTree, path: string, warnings: string[]): Promise<Hive | undefined> {
  try {
    return await openTreeHive(files, path, ({ message }) => warnings.push(`${path}: ${message}`));
  } catch (error) {
    warnings.push(`${path}: ${messageOf(error)}`);
    return undefined;
  }
}

async function currentControlSet(system: HiveReader | undefined): Promise<Fact<string> | undefined> {
  const current = await system?.number('Select', 'Current');
  if (current === undefined || current.value < 1 || current.value > MAX_CONTROL_SET) return undefined;
  return { value: `ControlSet${String(current.value).padStart(3, '0')}`, source: current.source };
}

async function describe(found: Found): Promise<OperatingSystem> {
  const { root, tree, system, hives, warnings } = found;
  const source = system.software ?? system.path;
  const set = found.controlSet?.value ?? 'ControlSet001';
  const product: Product = hives.software === undefined ? {} : await readProduct(hives.software);
  const facts = await windowsFacts(found, product, set);
  const major = product.major?.value;
  const isServer = product.variant?.value.startsWith('Server') === true;
  const osinfo =
    major === undefined
      ? undefined
      : osinfoId(major, product.minor?.value ?? 0, Number(product.build?.value ?? 0), isServer);
  const mappings = (facts.drives?.value ?? []).flatMap(({ letter, device }) =>
    device === undefined ? [] : [[letter, device] as const],
  );
  const language = await hives.system?.text(`${set}\\Control\\Nls\\Language`, 'InstallLanguage');
  const tag = languageTag(language?.value);
  const zone = ianaTimezone(facts.timezone?.value);
  return present<OperatingSystem>({
    root,
    type: { value: 'windows', source },
    distro: { value: 'windows', source },
    productName: product.name,
    productVariant: product.variant,
    majorVersion: product.major,
    minorVersion: product.minor,
    versionText: facts.version,
    codename: undefined,
    buildId: product.build,
    arch: await readArchitecture(tree, system.path, hives.system, set),
    hostname: await hives.system?.text(`${set}\\Services\\Tcpip\\Parameters`, 'Hostname'),
    osinfo: osinfo === undefined ? undefined : { value: osinfo, source },
    timezone: zone === undefined ? facts.timezone : { value: zone, source: facts.timezone!.source },
    locale: tag === undefined || language === undefined ? undefined : { value: tag, source: language.source },
    users: hives.sam === undefined ? undefined : await readAccounts(hives.sam, hives.software),
    mountPoints: [{ path: '/', mountable: root, source: root }],
    filesystems: [root],
    driveMappings: mappings.length === 0 ? undefined : Object.fromEntries(mappings),
    windows: facts,
    extra: guestfsFacts(found, facts),
    warnings: warnings.length === 0 ? undefined : warnings,
  } as { [K in keyof OperatingSystem]: OperatingSystem[K] | undefined });
}

async function windowsFacts(found: Found, product: Product, set: string): Promise<WindowsFacts> {
  const { hives, tree, system, view, root, warnings } = found;
  const services = hives.system === undefined ? undefined : hives.system.fact(await readServices(hives.system, set));
  const applications = hives.software === undefined ? [] : await readApplications(hives.software);
  const boot = await readBootConfiguration(view, root, (files, path) => openWarned(files, path, warnings), warnings);
  const version = versionText(product);
  const fastStartup = await hives.system?.number(`${set}\\Control\\Session Manager\\Power`, 'HiberbootEnabled');
  const pending = await readPendingReboot({
    tree,
    systemRoot: system.path,
    software: hives.software,
    system: hives.system,
    controlSet: set,
  });
  return present<WindowsFacts>({
    edition: product.edition,
    version: version === undefined ? undefined : { value: version, source: product.major!.source },
    displayVersion: product.displayVersion,
    servicePack: product.servicePack,
    installed: product.installed,
    timezone: await hives.system?.text(`${set}\\Control\\TimeZoneInformation`, 'TimeZoneKeyName'),
    domain: await hives.system?.text(`${set}\\Services\\Tcpip\\Parameters`, 'Domain'),
    owner: product.owner,
    organization: product.organization,
    firmware: boot?.firmware ?? (await firmwareOf(hives.system, set)),
    bootEntries: boot?.entries,
    drives:
      hives.system === undefined
        ? undefined
        : hives.system.fact(await readDriveLetters(hives.system, view.filesystems)),
    services,
    hotfixes: hives.software === undefined ? undefined : hives.software.fact(await readHotfixes(hives.software)),
    hibernated: await readHibernation(tree),
    fastStartup: fastStartup === undefined ? undefined : { value: fastStartup.value === 1, source: fastStartup.source },
    pendingReboot: pending,
    groupPolicy: await readGroupPolicy(hives.software, tree, system.path),
    antivirus: await readAntivirus(hives.software, applications, services),
  });
}

/** What Windows noted of its firmware: 1 is BIOS, 2 UEFI (FIRMWARE_TYPE of winnt.h). */
async function firmwareOf(system: HiveReader | undefined, set: string): Promise<Fact<'bios' | 'uefi'> | undefined> {
  const type = await system?.number(`${set}\\Control`, 'PEFirmwareType');
  if (type?.value === 1) return { value: 'bios', source: type.source };
  return type?.value === 2 ? { value: 'uefi', source: type.source } : undefined;
}

/** The facts that guestfs has functions of their own for. */
function guestfsFacts(
  { system, controlSet }: Found,
  facts: WindowsFacts,
): Readonly<Record<string, Fact<string | number | boolean>>> {
  return present<Record<string, Fact<string | number | boolean>>>({
    inspect_get_windows_systemroot: { value: system.path, source: system.path },
    inspect_get_windows_current_control_set: controlSet,
    inspect_get_windows_software_hive:
      system.software === undefined ? undefined : { value: system.software, source: system.software },
    inspect_get_windows_system_hive:
      system.system === undefined ? undefined : { value: system.system, source: system.system },
    inspect_get_windows_group_policy: facts.groupPolicy,
  } as Record<string, Fact<string | number | boolean>>);
}
