import { CorruptImageError, FsError, UsageError, type VmcraftError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import { type Catalog, readCatalog } from '../catalog/catalog.js';
import { isCovered } from '../catalog/program-hash.js';
import { verifySignature } from '../catalog/signature.js';
import {
  describeTarget,
  type InfDevice,
  InfFile,
  type InfInstall,
  type InfModels,
  type InfTarget,
  type InfVersion,
  parseTargetOsVersion,
  readInfInstall,
  readInfModels,
  readInfVersion,
  readSourceFiles,
} from '../inf/index.js';
import type { DriverFolder } from './driver-folder.js';
import { machineOf } from './machine-type.js';

/** Device classes that a system may have to boot from. */
const STORAGE_CLASSES: ReadonlySet<string> = new Set([
  '{4d36e97b-e325-11ce-bfc1-08002be10318}',
  '{4d36e96a-e325-11ce-bfc1-08002be10318}',
]);

/** A file of a package. */
export interface PackageFile {
  /** Relative to the package, forward slashes, as the folder writes it. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A driver package that was checked against the Windows it is for. */
export interface DriverPackage {
  readonly inf: InfFile;
  /** `viostor.inf`, lower case. */
  readonly infName: string;
  readonly version: InfVersion & { readonly classGuid: string };
  readonly devices: readonly InfDevice[];
  /** Install sections by the undecorated name that devices use. */
  readonly installs: ReadonlyMap<string, InfInstall>;
  /** INF, catalog and every file that the INF names. */
  readonly files: readonly PackageFile[];
  /** Name in the driver store: `viostor.inf_amd64_0123456789abcdef`. */
  readonly storeName: string;
  /** Whether Windows may boot from its devices. */
  readonly isStorage: boolean;
  /** Who signed its catalog, by the names in the certificates; not verified. Empty without catalog or signature. */
  readonly signers: readonly string[];
  readonly warnings: readonly string[];
}

/** What to let pass. */
export interface PackageChecks {
  /** Take a package without catalog for a 64-bit Windows, which loads no unsigned driver. */
  readonly allowUnsigned?: boolean;
}

/**
 * Read and check one package.
 * @param infPath relative to the folder
 * @throws UsageError when it has no model for the target or lacks its catalog, CorruptImageError, FsError ENOENT for missing files
 */
export async function readDriverPackage(
  g: Session,
  folder: DriverFolder,
  infPath: string,
  target: InfTarget,
  checks: PackageChecks = {},
): Promise<DriverPackage> {
  const infBytes = await folder.read(infPath);
  const infName = infPath.split('/').at(-1)!.toLowerCase();
  const inf = InfFile.parse(infBytes, { name: infName });
  const version = readInfVersion(inf, target);
  if (version.classGuid === undefined) {
    throw new CorruptImageError({ structure: infName, field: 'Version.ClassGuid', reason: 'it is missing' });
  }
  const models = readInfModels(inf, target);
  if (models.devices.length === 0) throw noModel(infName, models, target);
  const installs = readInstalls(inf, models.devices, target);
  const warnings: string[] = [];
  const base = infPath.includes('/') ? infPath.slice(0, infPath.lastIndexOf('/') + 1) : '';
  const reader = new PackageReader(g, folder, base, infName);
  reader.add(infName, infBytes);
  await reader.addCatalog(version.catalog, target, checks, warnings);
  await reader.addSources([
    ...[...installs.values()].flatMap(({ copies }) => copies.map(({ source }) => source)),
    ...readSourceFiles(inf, target),
  ]);
  reader.checkMachines(installs, target);
  reader.checkCoverage(installs, target, checks, warnings);
  return {
    inf,
    infName,
    version: { ...version, classGuid: version.classGuid },
    devices: models.devices,
    installs,
    files: reader.files,
    storeName: storeName(g, infName, target, reader.files),
    isStorage: STORAGE_CLASSES.has(version.classGuid),
    signers: reader.signers,
    warnings,
  };
}

/** Collects the files of a package. */
class PackageReader {
  readonly #files = new Map<string, PackageFile>();
  #catalog: { readonly name: string; readonly content: Catalog } | undefined;

  constructor(
    private readonly g: Session,
    private readonly folder: DriverFolder,
    private readonly base: string,
    private readonly infName: string,
  ) {}

  get files(): readonly PackageFile[] {
    return [...this.#files.values()];
  }

  add(path: string, bytes: Uint8Array): void {
    this.#files.set(path.toLowerCase(), { path, bytes });
  }

  async addCatalog(
    name: string | undefined,
    target: InfTarget,
    checks: PackageChecks,
    warnings: string[],
  ): Promise<void> {
    const found = name === undefined ? undefined : this.#find(name);
    const bytes = found === undefined ? undefined : await this.folder.read(found);
    const broken = name === undefined || bytes === undefined ? undefined : this.#open(name, bytes);
    if (this.#catalog !== undefined) return;
    const reason =
      name === undefined
        ? 'names no catalog'
        : broken === undefined
          ? `lacks its catalog ${name}`
          : `has a catalog ${name} that ${broken}`;
    const why = 'a 64-bit Windows loads no unsigned driver';
    if (target.architecture !== 'x86' && checks.allowUnsigned !== true) {
      throw new UsageError(`${this.infName} ${reason}: ${why}`, { hint: 'allowUnsigned takes it all the same' });
    }
    warnings.push(target.architecture === 'x86' ? `${this.infName} ${reason}` : `${this.infName} ${reason}: ${why}`);
    if (name !== undefined && bytes !== undefined) this.add(name.toLowerCase(), bytes);
  }

  /** Take a catalog, or say what is wrong with it. */
  #open(name: string, bytes: Uint8Array): string | undefined {
    try {
      if (verifySignature(this.g, bytes, name) === 'bad') return 'was changed after it was signed';
      this.#catalog = { name: name.toLowerCase(), content: readCatalog(bytes, name) };
    } catch (error) {
      if (error instanceof CorruptImageError) return `is none (${error.message})`;
      throw error;
    }
    this.add(name.toLowerCase(), bytes);
    return undefined;
  }

  get signers(): readonly string[] {
    return this.#catalog?.content.signers ?? [];
  }

  /**
   * Whether the catalog vouches for the files: Windows loads no other driver, and asks before it installs other files.
   * @throws UsageError when it does not know a driver, for a 64-bit Windows
   */
  checkCoverage(
    installs: ReadonlyMap<string, InfInstall>,
    target: InfTarget,
    checks: PackageChecks,
    warnings: string[],
  ): void {
    const catalog = this.#catalog;
    if (catalog === undefined) return;
    const drivers = new Set(
      [...installs.values()].flatMap(({ services, copies }) => {
        const names = new Set(services.map(({ binary }) => binary.split('\\').at(-1)!.toLowerCase()));
        return copies.filter(({ name }) => names.has(name.toLowerCase())).map(({ source }) => source.toLowerCase());
      }),
    );
    for (const [key, { path, bytes }] of this.#files) {
      if (key === catalog.name || isCovered(this.g, catalog.content, bytes)) continue;
      const text = `${path} is not the file that ${catalog.name} vouches for`;
      if (!drivers.has(key)) warnings.push(text);
      else if (target.architecture === 'x86' || checks.allowUnsigned === true)
        warnings.push(`${text}: unsigned driver`);
      else {
        throw new UsageError(`${text}: a 64-bit Windows loads no unsigned driver`, {
          hint: 'allowUnsigned takes it all the same',
        });
      }
    }
    if (catalog.content.signers.length === 0) warnings.push(`${catalog.name} carries no signature`);
  }

  /** @throws FsError ENOENT that names every missing file */
  async addSources(sources: readonly string[]): Promise<void> {
    const missing: string[] = [];
    for (const source of new Set(sources)) {
      if (this.#files.has(source.toLowerCase())) continue;
      const found = this.#find(source);
      if (found === undefined) missing.push(source);
      else this.add(found.slice(this.base.length), await this.folder.read(found));
    }
    if (missing.length === 0) return;
    const reason = `${this.infName} needs files that are not there: ${missing.join(', ')}`;
    throw new FsError('ENOENT', { operation: 'drivers', path: this.folder.path, reason });
  }

  /** @throws UsageError when a driver is for another processor */
  checkMachines(installs: ReadonlyMap<string, InfInstall>, target: InfTarget): void {
    for (const { services, copies } of installs.values()) {
      for (const service of services) {
        const name = service.binary.split('\\').at(-1)!.toLowerCase();
        const copy = copies.find((c) => c.name.toLowerCase() === name);
        const file = copy === undefined ? undefined : this.#files.get(copy.source.toLowerCase());
        if (file === undefined) continue;
        const machine = machineOf(file.bytes);
        if (machine === target.architecture) continue;
        const what = machine === undefined ? 'no Windows driver' : `for ${machine}`;
        throw new UsageError(`${file.path} of ${this.infName} is ${what}, not for ${target.architecture}`);
      }
    }
  }

  /** Beside the INF, with or without the folder that the INF gives: packages are often copied flat. */
  #find(name: string): string | undefined {
    return this.folder.find(`${this.base}${name}`) ?? this.folder.find(`${this.base}${name.split('/').at(-1)}`);
  }
}

function readInstalls(inf: InfFile, devices: readonly InfDevice[], target: InfTarget): ReadonlyMap<string, InfInstall> {
  const installs = new Map<string, InfInstall>();
  for (const { installSection } of devices) {
    const key = installSection.toLowerCase();
    if (installs.has(key)) continue;
    const install = readInfInstall(inf, installSection, target);
    if (install === undefined) {
      const reason = `there is no section [${installSection}] for ${describeTarget(target)}`;
      throw new CorruptImageError({ structure: inf.name, field: 'Models', reason });
    }
    installs.set(key, install);
  }
  return installs;
}

/** Says whether the processor or the release is wrong. */
function noModel(infName: string, models: InfModels, target: InfTarget): VmcraftError {
  const offered = models.decorations.join(', ') || 'nothing';
  const forArchitecture = models.decorations.filter((text) => {
    const decoration = parseTargetOsVersion(text);
    return decoration?.architecture === undefined || decoration.architecture === target.architecture;
  });
  const lacks = forArchitecture.length === 0 ? `architecture ${target.architecture}` : 'this release of Windows';
  return new UsageError(`${infName} has no device for ${lacks}: ${describeTarget(target)}; it is for ${offered}`);
}

/** Windows hashes the whole package; any name will do as long as other contents get another one. */
function storeName(g: Session, infName: string, target: InfTarget, files: readonly PackageFile[]): string {
  const hasher = g.platform.hash('sha256');
  for (const { path, bytes } of [...files].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    hasher.update(new TextEncoder().encode(`${path.toLowerCase()}\0${bytes.length}\0`));
    hasher.update(bytes);
  }
  return `${infName}_${target.architecture}_${hasher.digest().slice(0, 16)}`;
}

/** All ids of a device, and whether each is the one that stands first in the INF. */
export function deviceIds(device: InfDevice): readonly { readonly id: string; readonly isHardwareId: boolean }[] {
  return [
    { id: device.hardwareId, isHardwareId: true },
    ...device.compatibleIds.map((id) => ({ id, isHardwareId: false })),
  ];
}
