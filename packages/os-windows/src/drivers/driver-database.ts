import type { Timestamp } from '@vmcraft/core/contracts';
import { RegistryType } from '@vmcraft/format-regf';
import type { InfInstall } from '../inf/index.js';
import type { RegistryEditor } from '../volume/registry-editor.js';
import { type DriverPackage, deviceIds } from './driver-package.js';
import { type GuestWindows, PROCESSOR } from './guest-windows.js';
import { applyRelative } from './inf-registry.js';
import { ConfigScope, IdRank, ORIGIN_ADDED, PackageVersion, STATUS_CONFIGURED } from './layout.js';
import type { Published } from './service-keys.js';

const DATABASE = 'DriverDatabase';
/** 100 ns units between 1601 and 1970. */
const EPOCH_1601 = 11_644_473_600n;
const TICKS = 10_000_000n;

/** Make a package known to plug and play from the first moment of the boot on (Windows 8 and later). */
export async function writeDriverDatabase(
  editor: RegistryEditor,
  facts: GuestWindows,
  pack: DriverPackage,
  published: Published,
  now: Timestamp,
): Promise<void> {
  await writeInfFile(editor, pack, published);
  await writeDeviceIds(editor, pack, published);
  await writePackage(editor, facts, pack, published, now);
  const at = `${DATABASE}\\DriverPackages\\${pack.storeName}`;
  for (const install of pack.installs.values()) await writeConfiguration(editor, at, install);
  await writeDescriptors(editor, at, pack);
  await markOemInf(editor, published.infName);
}

async function writeInfFile(editor: RegistryEditor, pack: DriverPackage, { infName }: Published): Promise<void> {
  const key = `${DATABASE}\\DriverInfFiles\\${infName}`;
  await editor.addStrings(key, '', [pack.storeName]);
  await editor.setString(key, 'Active', pack.storeName);
  await editor.addStrings(
    key,
    'Configurations',
    [...pack.installs.values()].map(({ section }) => section),
  );
}

async function writeDeviceIds(editor: RegistryEditor, pack: DriverPackage, { infName }: Published): Promise<void> {
  for (const device of pack.devices) {
    const score = pack.installs.get(device.installSection.toLowerCase())?.featureScore ?? 0xff;
    for (const { id, isHardwareId } of deviceIds(device)) {
      const rank = isHardwareId ? IdRank.HARDWARE : IdRank.COMPATIBLE;
      await editor.setBinary(`${DATABASE}\\DeviceIds\\${id}`, infName, Uint8Array.of(rank, score, 0, 0));
    }
  }
  const ofClass = `${DATABASE}\\DeviceIds\\${pack.version.classGuid}`;
  await editor.set(ofClass, infName, RegistryType.REG_NONE, new Uint8Array(0));
}

async function writePackage(
  editor: RegistryEditor,
  facts: GuestWindows,
  pack: DriverPackage,
  published: Published,
  now: Timestamp,
): Promise<void> {
  const key = `${DATABASE}\\DriverPackages\\${pack.storeName}`;
  const isNew = !(await editor.hasKey(key));
  await editor.setString(key, '', published.infName);
  if (pack.version.catalog !== undefined) await editor.setString(key, 'Catalog', pack.version.catalog);
  if (isNew) await editor.setBinary(key, 'ImportDate', fileTimeBytes(now));
  await editor.setString(key, 'InfName', pack.infName);
  await editor.setString(key, 'OemPath', `C:\\${published.packageFolder}`);
  if (pack.version.provider !== undefined) await editor.setString(key, 'Provider', pack.version.provider);
  await editor.setDword(key, 'StatusFlags', STATUS_CONFIGURED);
  await editor.setBinary(key, 'Version', versionBlob(facts, pack));
}

/** The 48 bytes without which Windows 10 ignores a package. */
export function versionBlob(facts: GuestWindows, { version }: DriverPackage): Uint8Array {
  const [major, minor, build, revision] = version.version;
  const { date } = version;
  const days = date === undefined ? 0n : BigInt(Date.UTC(date.year, date.month - 1, date.day) / 1000);
  return PackageVersion.encode({
    origin: ORIGIN_ADDED,
    processor: PROCESSOR[facts.architecture],
    classGuid: version.classGuid.slice(1, -1),
    date: date === undefined ? 0n : (days + EPOCH_1601) * TICKS,
    revision,
    build,
    minor,
    major,
  });
}

async function writeConfiguration(editor: RegistryEditor, at: string, install: InfInstall): Promise<void> {
  const key = `${at}\\Configurations\\${install.section}`;
  const service = install.services.find((s) => s.isFunctionDriver);
  const scope =
    ConfigScope.DRIVER |
    (install.hasHardware ? ConfigScope.HARDWARE : 0) |
    (install.hasServices ? ConfigScope.SERVICES : 0) |
    (install.hasCoInstallers ? ConfigScope.CO_INSTALLERS : 0);
  await editor.setDword(key, 'ConfigFlags', 0);
  await editor.setDword(key, 'ConfigScope', scope);
  await editor.setString(key, 'Service', service?.name ?? '');
  await applyRelative(editor, `${key}\\Device`, install.hardwareRegistry);
  await applyRelative(editor, `${key}\\Driver`, install.driverRegistry);
  for (const s of install.services) await applyRelative(editor, `${key}\\Services\\${s.name}`, s.registry);
}

async function writeDescriptors(editor: RegistryEditor, at: string, pack: DriverPackage): Promise<void> {
  for (const device of pack.devices) {
    const install = pack.installs.get(device.installSection.toLowerCase());
    for (const { id } of deviceIds(device)) {
      const key = `${at}\\Descriptors\\${id}`;
      await editor.setString(key, 'Configuration', install?.section ?? device.installSection);
      await writeText(editor, at, key, 'Description', device.rawDescription, device.description);
      await writeText(editor, at, key, 'Manufacturer', device.rawManufacturer, device.manufacturer);
    }
  }
}

/** A token in lower case with its text under Strings, or the text where the INF has no token. */
async function writeText(
  editor: RegistryEditor,
  at: string,
  key: string,
  name: string,
  raw: string,
  text: string,
): Promise<void> {
  const token = /^%([^%]+)%$/.exec(raw)?.[1]?.toLowerCase();
  if (token === undefined) return editor.setString(key, name, text);
  await editor.setString(key, name, `%${token}%`);
  await editor.setString(`${at}\\Strings`, token, text);
}

/** OemInfMap: a bit for each oemN.inf in use, the highest bit of the first byte for oem0. */
async function markOemInf(editor: RegistryEditor, infName: string): Promise<void> {
  const number = Number(/^oem(\d+)\.inf$/.exec(infName)?.[1]);
  const existing = await editor.data(DATABASE, 'OemInfMap');
  const map = existing instanceof Uint8Array ? existing : new Uint8Array(0);
  const out = new Uint8Array(Math.max(map.length, (number >> 3) + 1));
  out.set(map);
  out[number >> 3] = out[number >> 3]! | (0x80 >> (number & 7));
  await editor.setBinary(DATABASE, 'OemInfMap', out);
}

/** Numbers of oemN.inf that the database says are taken. */
export async function takenOemNumbers(editor: RegistryEditor): Promise<ReadonlySet<number>> {
  const map = await editor.data(DATABASE, 'OemInfMap');
  const taken = new Set<number>();
  if (map instanceof Uint8Array) {
    for (const [i, byte] of map.entries()) {
      for (let bit = 0; bit < 8; bit++) if ((byte & (0x80 >> bit)) !== 0) taken.add(i * 8 + bit);
    }
  }
  return taken;
}

/** The oemN.inf under which a package is known; undefined when it is not. */
export async function publishedName(editor: RegistryEditor, storeName: string): Promise<string | undefined> {
  const name = await editor.data(`${DATABASE}\\DriverPackages\\${storeName}`, '');
  return typeof name === 'string' && /^oem\d+\.inf$/i.test(name) ? name.toLowerCase() : undefined;
}

function fileTimeBytes({ sec, nsec }: Timestamp): Uint8Array {
  const out = new Uint8Array(8);
  const ticks = (BigInt(sec) + EPOCH_1601) * TICKS + BigInt(Math.trunc(nsec / 100));
  new DataView(out.buffer).setBigUint64(0, ticks, true);
  return out;
}
