import { UsageError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import { type DiridContext, describeTarget, diridFolder } from '../inf/index.js';
import { openMachineHive, requireMachineHive } from '../volume/hive-file.js';
import { type RegistryChange, RegistryEditor } from '../volume/registry-editor.js';
import { WindowsVolume } from '../volume/windows-volume.js';
import { writeCriticalDevices } from './critical-devices.js';
import { appendDevicePath } from './device-path.js';
import { publishedName, takenOemNumbers, writeDriverDatabase } from './driver-database.js';
import type { DriverFolder } from './driver-folder.js';
import { type DriverPackage, type PackageChecks, readDriverPackage } from './driver-package.js';
import { FileBatch } from './file-batch.js';
import { disableFormerDrivers } from './former-hypervisor.js';
import { checkGuest } from './guards.js';
import { type GuestWindows, readGuestWindows, usesDriverDatabase } from './guest-windows.js';
import { imagePath, type Published, startOf, writeService } from './service-keys.js';

/** The folder of catalogs that the system trusts. */
const CATALOG_ROOT = 'System32/CatRoot/{F750E6C3-38EE-11D1-85E5-00C04FC295EE}';
/** Below the system folder: packages as plug and play finds them by DevicePath. */
const DEVICE_PATH_FOLDER = 'Drivers\\VMCraft';
/** Numbers that oemN.inf may have. */
const MAX_OEM = 10_000;

/** How drivers are injected. */
export interface InjectOptions extends PackageChecks {
  /** Switch off the drivers of other hypervisors: VMware, Xen, Parallels, VirtualBox. */
  readonly disableFormerDrivers?: boolean;
}

/** A package that is in the guest now. */
export interface InjectedPackage {
  readonly inf: string;
  /** Its name in the guest's INF folder: `oem3.inf`. */
  readonly publishedInf: string;
  /** Its name in the driver store. */
  readonly storeName: string;
  readonly provider?: string;
  readonly className?: string;
  readonly classGuid: string;
  /** `100.95.104.26200` */
  readonly version: string;
  readonly services: readonly { readonly name: string; readonly start: number; readonly imagePath: string }[];
  readonly hardwareIds: readonly string[];
  /** Who signed its catalog, by the names in the certificates. Whether to trust them is the guest's to decide. */
  readonly signers: readonly string[];
}

/** What an injection did. */
export interface InjectionResult {
  readonly windows: string;
  readonly controlSet: string;
  readonly packages: readonly InjectedPackage[];
  /** INFs of the folder that are for another Windows. */
  readonly skipped: readonly { readonly inf: string; readonly reason: string }[];
  /** Files that were written, by their path in the guest. */
  readonly files: readonly string[];
  /** Keys and values that were written or deleted. */
  readonly registry: readonly RegistryChange[];
  /** Services of other hypervisors that were switched off. */
  readonly disabled: readonly string[];
  readonly warnings: readonly string[];
}

/** A package to inject: where its INF lies. */
export interface PackageSource {
  readonly folder: DriverFolder;
  readonly inf: string;
}

/** What an injection works on. */
export interface InjectionTarget {
  readonly volume: WindowsVolume;
  readonly facts: GuestWindows;
  readonly system: RegistryEditor;
  readonly software: RegistryEditor;
  /** The second hive with a driver database, where there is one (Windows 10 and later). */
  readonly drivers?: RegistryEditor;
}

/** Open the mounted Windows for an injection. Nothing is written. */
export async function openInjectionTarget(g: Session, action: string): Promise<InjectionTarget> {
  const volume = await WindowsVolume.open(g, action);
  await volume.requireWritable();
  const system = new RegistryEditor(await requireMachineHive(volume, 'SYSTEM', true), 'SYSTEM');
  const software = new RegistryEditor(await requireMachineHive(volume, 'SOFTWARE', true), 'SOFTWARE');
  const facts = await readGuestWindows(system.hive, software.hive);
  const hive = usesDriverDatabase(facts) ? await openMachineHive(volume, 'DRIVERS', true) : undefined;
  if (hive === undefined || (await hive.key('DriverDatabase')) === undefined)
    return { volume, facts, system, software };
  return { volume, facts, system, software, drivers: new RegistryEditor(hive, 'DRIVERS') };
}

/**
 * Put driver packages into the mounted Windows so that it can boot from their devices. Everything is checked before anything is
 * written; when writing fails, what was written is taken back.
 * @throws UsageError, CorruptImageError, FsError, CapabilityError
 */
export async function injectPackages(
  target: InjectionTarget,
  sources: readonly PackageSource[],
  options: InjectOptions = {},
): Promise<InjectionResult> {
  const { volume, facts, system, software, drivers } = target;
  const { packages, skipped } = await readPackages(target, sources, options);
  const warnings = await checkGuest(volume, system, software, facts);
  const batch = new FileBatch(volume);
  const done: InjectedPackage[] = [];
  const taken = new Set(await takenOemNumbers(system));
  for (const pack of packages) {
    warnings.push(...pack.warnings);
    const published = await publish(target, pack, taken);
    warnings.push(...(await planFiles(target, pack, published, batch)));
    await planRegistry(target, pack, published);
    done.push(describe(pack, published));
  }
  const keep = new Set(done.flatMap(({ services }) => services.map(({ name }) => name.toLowerCase())));
  const disabled = options.disableFormerDrivers === true ? await disableFormerDrivers(system, facts, keep) : [];
  await batch.checkRoom();
  const files = await batch.write();
  const editors = [software, ...(drivers === undefined ? [] : [drivers]), system];
  try {
    for (const editor of editors) await editor.commit();
  } catch (error) {
    await batch.undo();
    throw error;
  }
  return {
    windows: `${facts.productName} (${describeTarget(facts)})`,
    controlSet: facts.controlSet,
    packages: done,
    skipped,
    files,
    registry: editors.flatMap(({ changes }) => changes),
    disabled,
    warnings: [...new Set(warnings)],
  };
}

/** One package must fit; of several, those for another Windows are left out as long as one fits. */
async function readPackages(
  { volume, facts }: InjectionTarget,
  sources: readonly PackageSource[],
  options: InjectOptions,
): Promise<{ packages: DriverPackage[]; skipped: { inf: string; reason: string }[] }> {
  const packages: DriverPackage[] = [];
  const skipped: { inf: string; reason: string }[] = [];
  let first: unknown;
  for (const { folder, inf } of sources) {
    try {
      packages.push(await readDriverPackage(volume.g, folder, inf, facts, options));
    } catch (error) {
      const isOther = error instanceof UsageError && error.message.includes('has no device for');
      if (!isOther || sources.length === 1) throw error;
      first ??= error;
      skipped.push({ inf, reason: error.message });
    }
  }
  if (packages.length === 0) throw first ?? new UsageError('there is no INF to inject');
  return { packages, skipped };
}

/** The name under which the guest knows, or will know, a package. */
async function publish(target: InjectionTarget, pack: DriverPackage, taken: Set<number>): Promise<Published> {
  const { volume, facts, system } = target;
  const root = volume.systemRoot.slice(1);
  const packageFolder = `${root}\\System32\\DriverStore\\FileRepository\\${pack.storeName}`;
  const result = (infName: string): Published => ({ infName, packageFolder, systemRoot: root });
  const known = usesDriverDatabase(facts) ? await publishedName(system, pack.storeName) : undefined;
  if (known !== undefined) return result(known);
  const names = new Set((await volume.list(`${volume.systemRoot}/INF`)).map((name) => name.toLowerCase()));
  const bytes = pack.files.find(({ path }) => path.toLowerCase() === pack.infName)!.bytes;
  if (!usesDriverDatabase(facts)) {
    for (const name of names) {
      const isOem = /^oem\d+\.inf$/.test(name);
      if (isOem && (await volume.hasContent(`${volume.systemRoot}/INF/${name}`, bytes))) return result(name);
    }
  }
  let number = 0;
  while (taken.has(number) || names.has(`oem${number}.inf`)) number++;
  if (number >= MAX_OEM) throw new UsageError('the guest has no free number for another oemN.inf');
  taken.add(number);
  return result(`oem${number}.inf`);
}

/** All places a package goes to. @returns warnings about files that are left as they are */
async function planFiles(
  { volume }: InjectionTarget,
  pack: DriverPackage,
  published: Published,
  batch: FileBatch,
): Promise<readonly string[]> {
  const slashes = (path: string): string => `/${path.replaceAll('\\', '/')}`;
  const name = pack.infName.replace(/\.inf$/, '');
  const folders = [
    slashes(published.packageFolder),
    `${volume.systemRoot}/${slashes(DEVICE_PATH_FOLDER).slice(1)}/${name}`,
  ];
  for (const folder of folders) for (const { path, bytes } of pack.files) await batch.add(`${folder}/${path}`, bytes);
  const find = (path: string | undefined) =>
    pack.files.find((file) => file.path.toLowerCase() === path?.toLowerCase())?.bytes;
  await batch.add(`${volume.systemRoot}/INF/${published.infName}`, find(pack.infName)!);
  const catalog = find(pack.version.catalog);
  const catalogName = published.infName.replace(/\.inf$/, '.cat');
  if (catalog !== undefined) await batch.add(`${volume.systemRoot}/${CATALOG_ROOT}/${catalogName}`, catalog);
  return planCopies(volume, pack, published, batch, find);
}

/** What CopyFiles names. A program of Windows that is there already stays, unless it is the driver itself. */
async function planCopies(
  volume: WindowsVolume,
  pack: DriverPackage,
  context: DiridContext,
  batch: FileBatch,
  find: (path: string) => Uint8Array | undefined,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  const installs = [...pack.installs.values()];
  const binaries = new Set(
    installs.flatMap(({ services }) => services.map(({ binary }) => binary.split('\\').at(-1)!.toLowerCase())),
  );
  for (const copy of installs.flatMap(({ copies }) => copies)) {
    if (copy.dirid === 13) continue;
    const bytes = find(copy.source) ?? find(copy.source.split('/').at(-1)!);
    if (bytes === undefined) continue;
    const below = copy.subfolder === '' ? '' : `\\${copy.subfolder}`;
    const path = `/${diridFolder(copy.dirid, context)}${below}\\${copy.name}`.replaceAll('\\', '/');
    const isOurs = binaries.has(copy.name.toLowerCase());
    const differs = !isOurs && (await volume.isFile(path)) && !(await volume.hasContent(path, bytes));
    if (differs) warnings.push(`${path} is there with other contents and stays`);
    else await batch.add(path, bytes);
  }
  return warnings;
}

async function planRegistry(target: InjectionTarget, pack: DriverPackage, published: Published): Promise<void> {
  const { facts, system, software, drivers, volume } = target;
  for (const install of pack.installs.values()) {
    for (const service of install.services) await writeService(system, facts, pack, published, service);
  }
  if (usesDriverDatabase(facts)) {
    const now = volume.g.platform.now();
    await writeDriverDatabase(system, facts, pack, published, now);
    if (drivers !== undefined) await writeDriverDatabase(drivers, facts, pack, published, now);
  } else await writeCriticalDevices(system, facts, pack);
  const name = pack.infName.replace(/\.inf$/, '');
  await appendDevicePath(software, `%SystemRoot%\\${DEVICE_PATH_FOLDER}\\${name}`);
}

function describe(pack: DriverPackage, published: Published): InjectedPackage {
  const { provider, className, classGuid, version } = pack.version;
  const services = [...pack.installs.values()].flatMap((install) => install.services);
  return {
    inf: pack.infName,
    publishedInf: published.infName,
    storeName: pack.storeName,
    ...(provider === undefined ? {} : { provider }),
    ...(className === undefined ? {} : { className }),
    classGuid,
    version: version.join('.'),
    services: services.map((service) => ({
      name: service.name,
      start: startOf(service, pack),
      imagePath: imagePath(service, published),
    })),
    hardwareIds: pack.devices.map(({ hardwareId }) => hardwareId),
    signers: pack.signers,
  };
}
