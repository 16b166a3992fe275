import type { Session } from '@vmcraft/core/guest';
import { type GuestWindows, readGuestWindows } from '../drivers/guest-windows.js';
import { isCatalog } from '../drivers/machine-type.js';
import { describeTarget } from '../inf/index.js';
import { requireMachineHive } from '../volume/hive-file.js';
import { WindowsVolume } from '../volume/windows-volume.js';
import { type Binding, findBinding } from './binding.js';
import { type BootBus, BUS_DEVICES, BUSES, type BusDevice, COMMON_SERVICES } from './buses.js';
import { checkService } from './service-check.js';

/** Bytes of a catalog that tell that it is one. */
const CATALOG_HEAD = 64;

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
    const catalog = await this.#catalog(binding, found.isSigned);
    const isUnsigned = catalog === undefined && this.guest.architecture !== 'x86';
    return {
      ...base,
      service,
      ...(found.start === undefined ? {} : { start: found.start }),
      ...(found.file === undefined ? {} : { file: found.file }),
      ...(catalog === undefined ? {} : { catalog }),
      problems: [
        ...found.problems,
        ...(isUnsigned ? [`${service} has no catalog, and a 64-bit Windows loads no unsigned driver`] : []),
      ],
    };
  }

  /** What vouches for the driver: its package's catalog, Windows itself, or a signature in the file. */
  async #catalog(binding: Binding, isSigned: boolean): Promise<string | undefined> {
    const { inf, package: name } = binding;
    if (inf !== undefined && !/^oem\d+\.inf$/i.test(inf)) return 'windows';
    const folder =
      name === undefined ? undefined : `${this.volume.systemRoot}/System32/DriverStore/FileRepository/${name}`;
    for (const file of folder === undefined ? [] : await this.volume.list(folder)) {
      if (!file.toLowerCase().endsWith('.cat')) continue;
      const head = await this.volume.head(`${folder}/${file}`, CATALOG_HEAD);
      if (head !== undefined && isCatalog(head)) return this.volume.truePath(`${folder}/${file}`);
    }
    if (isSigned) return 'embedded';
    return inf === undefined && (await this.#isOfWindows(name)) ? 'windows' : undefined;
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
