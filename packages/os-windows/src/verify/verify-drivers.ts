import { CorruptImageError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import { type Catalog, readCatalog } from '../catalog/catalog.js';
import { isCovered } from '../catalog/program-hash.js';
import { verifySignature } from '../catalog/signature.js';
import { type GuestWindows, readGuestWindows } from '../drivers/guest-windows.js';
import { describeTarget } from '../inf/index.js';
import { requireMachineHive } from '../volume/hive-file.js';
import { WindowsVolume } from '../volume/windows-volume.js';
import { type Binding, findBinding } from './binding.js';
import { type BootBus, BUS_DEVICES, BUSES, type BusDevice, COMMON_SERVICES } from './buses.js';
import { checkService } from './service-check.js';

/** Bytes of a catalog: that of virtio-win's largest package has 15 KB. */
const MAX_CATALOG = 16 << 20;
/** Catalogs that are looked at for one driver. */
const MAX_CATALOGS = 2000;
/** Below System32: the catalogs that Windows trusts; those of packages that do not come with it. */
const CATALOG_ROOT = 'CatRoot/{F750E6C3-38EE-11D1-85E5-00C04FC295EE}';
const OEM_CATALOG = /^oem\d+\.cat$/i;

/** One device of a bus, link by link. */
export interface DeviceReport {
  readonly device: string;
  /** The id that is bound, or the most specific one when none is. */
  readonly id: string;
  readonly inf?: string;
  readonly service?: string;
  readonly start?: string;
  readonly file?: string;
  /** Path of the catalog, `windows` for drivers that come with Windows, `embedded` for a signature in the file. */
  readonly catalog?: string;
  /** Who signed the catalog, by the names in the certificates; whether they are to be trusted is for the guest to say. */
  readonly signers?: readonly string[];
  /** What is missing; empty when every link resolves. */
  readonly problems: readonly string[];
}

/** Whether Windows boots from a bus. */
export interface BusReport {
  readonly bus: BootBus;
  /** Every link of every device resolves. */
  readonly bootable: boolean;
  readonly devices: readonly DeviceReport[];
}

/** What {@link verifyDrivers} found. */
export interface BootReport {
  readonly windows: string;
  readonly controlSet: string;
  readonly buses: readonly BusReport[];
  /** Problems of drivers that every boot needs. */
  readonly problems: readonly string[];
}

/** Prove, by the files and the registry alone, from which buses the mounted Windows boots. Nothing is written. */
export async function verifyDrivers(g: Session): Promise<BootReport> {
  const volume = await WindowsVolume.open(g, 'verify_drivers');
  const system = await requireMachineHive(volume, 'SYSTEM', false);
  const guest = await readGuestWindows(system, await requireMachineHive(volume, 'SOFTWARE', false));
  const problems: string[] = [];
  for (const name of COMMON_SERVICES) {
    if ((await system.key(`${guest.controlSet}\\Services\\${name}`)) === undefined) continue;
    problems.push(...(await checkService(volume, system, guest, name)).problems);
  }
  const verifier = new Verifier(volume, system, guest);
  const buses: BusReport[] = [];
  for (const bus of BUSES) {
    const devices: DeviceReport[] = [];
    for (const device of BUS_DEVICES[bus]) devices.push(await verifier.check(device));
    const bootable = problems.length === 0 && devices.every((device) => device.problems.length === 0);
    buses.push({ bus, bootable, devices });
  }
  return {
    windows: `${guest.productName} (${describeTarget(guest)})`,
    controlSet: guest.controlSet,
    buses,
    problems,
  };
}

/** What vouches for a driver, or why a catalog does not. */
interface Voucher {
  readonly path?: string;
  readonly signers?: readonly string[];
  readonly reason?: string;
}

/** Follows the links of one device after the other. */
class Verifier {
  constructor(
    private readonly volume: WindowsVolume,
    private readonly system: Parameters<typeof findBinding>[0],
    private readonly guest: GuestWindows,
  ) {}

  async check({ name, ids }: BusDevice): Promise<DeviceReport> {
    const binding = await findBinding(this.system, this.guest, ids);
    if (binding === undefined) {
      return { device: name, id: ids[0]!, problems: [`no driver is bound to ${shortest(ids)}`] };
    }
    const { id, inf, service, broken } = binding;
    const base = { device: name, id, ...(inf === undefined ? {} : { inf }) };
    if (broken !== undefined || service === undefined) return { ...base, problems: [broken ?? 'no service'] };
    const found = await checkService(this.volume, this.system, this.guest, service);
    const catalog = await this.#catalog(binding, found.file);
    const voucher = catalog.path ?? (found.isSigned ? 'embedded' : undefined);
    const isUnsigned = voucher === undefined && this.guest.architecture !== 'x86';
    return {
      ...base,
      service,
      ...(found.start === undefined ? {} : { start: found.start }),
      ...(found.file === undefined ? {} : { file: found.file }),
      ...(voucher === undefined ? {} : { catalog: voucher }),
      ...(catalog.signers === undefined ? {} : { signers: catalog.signers }),
      problems: [
        ...found.problems,
        ...(isUnsigned
          ? [`${service} has no catalog${catalog.reason ?? ''}, and a 64-bit Windows loads no unsigned driver`]
          : []),
      ],
    };
  }

  /** What vouches for the driver: a catalog of its package that knows the file, or Windows itself. */
  async #catalog(binding: Binding, driver: string | undefined): Promise<Voucher> {
    const { inf, package: name } = binding;
    if (inf !== undefined && !/^oem\d+\.inf$/i.test(inf)) return { path: 'windows' };
    const root = `${this.volume.systemRoot}/System32`;
    const bytes = driver === undefined ? undefined : await this.volume.read(driver);
    const own =
      name === undefined ? [] : await this.#catalogsIn(`${root}/DriverStore/FileRepository/${name}`, /\.cat$/i);
    let reason: string | undefined;
    for (const path of own) {
      const catalog = await this.#open(path);
      if (catalog !== undefined && bytes !== undefined && isCovered(this.volume.g, catalog, bytes)) {
        return { path: await this.volume.truePath(path), signers: catalog.signers };
      }
      const file = path.slice(path.lastIndexOf('/') + 1);
      reason =
        catalog === undefined
          ? ` (${file} is none, or was changed after it was signed)`
          : ` that vouches for it (${file} does not know its file)`;
    }
    if (inf === undefined && (await this.#isOfWindows(name))) return { path: 'windows' };
    if (own.length === 0) return {};
    // The file may be that of a newer package: Windows looks for its hash in all catalogs.
    for (const path of bytes === undefined ? [] : await this.#catalogsIn(`${root}/${CATALOG_ROOT}`, OEM_CATALOG)) {
      const catalog = await this.#open(path);
      if (catalog !== undefined && isCovered(this.volume.g, catalog, bytes!)) {
        return { path: await this.volume.truePath(path), signers: catalog.signers };
      }
    }
    return reason === undefined ? {} : { reason };
  }

  async #catalogsIn(folder: string, pattern: RegExp): Promise<readonly string[]> {
    const names = (await this.volume.list(folder)).filter((name) => pattern.test(name));
    return names.slice(0, MAX_CATALOGS).map((name) => `${folder}/${name}`);
  }

  async #open(path: string): Promise<Catalog | undefined> {
    const bytes = await this.volume.read(path, MAX_CATALOG);
    try {
      if (bytes === undefined || verifySignature(this.volume.g, bytes, path) === 'bad') return undefined;
      return readCatalog(bytes, path);
    } catch (error) {
      if (error instanceof CorruptImageError) return undefined;
      throw error;
    }
  }

  /** Before Windows 8 the service names its package; that of Windows itself has its INF under its own name. */
  async #isOfWindows(name: string | undefined): Promise<boolean> {
    const inf = name?.split('_')[0];
    return inf === undefined || (await this.volume.isFile(`${this.volume.systemRoot}/INF/${inf}`));
  }
}

/** The id without revision and subsystem, which people know. */
const shortest = (ids: readonly string[]): string =>
  ids.find((id) => !id.includes('&SUBSYS') && !id.includes('&REV')) ?? ids[0]!;
