import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import type { OperatingSystem } from 'vmcraft';
import { GuestFS } from 'vmcraft';
import { users } from './look-alike/account-hives.js';
import { LOADER } from './look-alike/bcd-hive.js';
import { LOOK_ALIKE_NEEDS, type LookAlike, lookAlike } from './look-alike/build.js';
import { inboxDrivers } from './look-alike/driver-table.js';
import { systemRoot } from './look-alike/file-list.js';
import { RELEASES, type Release } from './look-alike/releases.js';
import { APPLICATIONS, HOTFIXES, MACHINE_SID } from './look-alike/software-hive.js';

const ARCHITECTURES = { x86: 'i386', amd64: 'x86_64', arm64: 'aarch64' } as const;

async function inspected(built: LookAlike): Promise<OperatingSystem> {
  await using g = await GuestFS.open(built.disk, { readonly: true });
  const found = await g.inspectOsInfo();
  expect(found).toHaveLength(1);
  expect(await g.isWindows()).toBe(true);
  return found[0]!;
}

const device = (built: LookAlike, role: string): string =>
  `/dev/sda${built.layout.partitions.findIndex((p) => p.role === role) + 1}`;

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS))('inspection of look-alikes', () => {
  it.each(RELEASES)('$id: product, version, names', { timeout: 120_000 }, async (r) => {
    const os = await inspected(await lookAlike(r.id));
    expect({
      type: os.type.value,
      distro: os.distro?.value,
      name: os.productName?.value,
      variant: os.productVariant?.value,
      major: os.majorVersion?.value,
      minor: os.minorVersion?.value,
      version: os.windows?.version?.value,
      build: os.buildId?.value,
      osinfo: os.osinfo?.value,
      arch: os.arch,
      hostname: os.hostname?.value,
      domain: os.windows?.domain?.value,
      edition: os.windows?.edition?.value,
      displayVersion: os.windows?.displayVersion?.value,
      servicePack: os.windows?.servicePack?.value,
      installed: os.windows?.installed?.value,
      timezone: os.timezone?.value,
      windowsTimezone: os.windows?.timezone?.value,
      locale: os.locale?.value,
      warnings: os.warnings,
    }).toEqual({
      type: 'windows',
      distro: 'windows',
      name: r.marketingName,
      variant: r.installationType,
      major: r.major,
      minor: r.minor,
      version: `${r.major}.${r.minor}.${r.build}.${r.ubr}`,
      build: String(r.build),
      osinfo: r.osinfo,
      arch: { value: ARCHITECTURES[r.arch], source: `/${systemRoot(r)}/System32/ntoskrnl.exe` },
      hostname: r.hostname,
      domain: r.domain,
      edition: r.editionId,
      displayVersion: r.displayVersion,
      servicePack: r.servicePack,
      installed: iso(r.installed),
      timezone: r.timezone[1],
      windowsTimezone: r.timezone[0],
      locale: r.language[1],
      warnings: undefined,
    });
  });

  it.each(RELEASES)('$id: disks, boot, hives', { timeout: 120_000 }, async (r) => {
    const built = await lookAlike(r.id);
    const os = await inspected(built);
    const windows = device(built, 'windows');
    expect(os.root).toBe(windows);
    expect(os.driveMappings).toEqual({ C: windows, D: device(built, 'data') });
    expect(os.windows?.drives?.value.find((d) => d.letter === 'E')).toMatchObject({ kind: 'device' });
    expect(os.extra).toMatchObject({
      inspect_get_windows_systemroot: { value: `/${systemRoot(r)}` },
      inspect_get_windows_current_control_set: { value: `ControlSet00${r.controlSet}` },
      inspect_get_windows_software_hive: { value: `/${systemRoot(r)}/System32/config/SOFTWARE` },
      inspect_get_windows_system_hive: { value: `/${systemRoot(r)}/System32/config/SYSTEM` },
    });
    const store = bootStore(built);
    expect(os.windows?.firmware).toEqual({ value: r.firmware, source: store });
    expect(os.windows?.bootEntries?.source).toBe(store);
    const loader = os.windows?.bootEntries?.value.find((e) => e.isDefault);
    expect(loader).toMatchObject({ id: LOADER, kind: 'loader', device: windows });
    expect(os.windows?.bootEntries?.value).toHaveLength(4);
  });

  it.each(RELEASES)('$id: users, services, programs, state', { timeout: 120_000 }, async (r) => {
    const built = await lookAlike(r.id);
    const os = await inspected(built);
    expect(os.users).toEqual(users(r).map((u) => expectedUser(u)));
    const services = new Map(os.windows?.services?.value.map((s) => [s.name, s]));
    for (const d of inboxDrivers(r)) expect(services.get(d.service)).toMatchObject({ kind: 'driver', start: 'boot' });
    expect(services.get('Dhcp')).toMatchObject({ kind: 'service', start: 'auto' });
    expect(os.windows?.hotfixes?.value).toEqual(
      [...HOTFIXES]
        .sort((a, b) => Number(a.slice(2)) - Number(b.slice(2)))
        .map((id) => ({ id, installed: iso(r.installed + 86_400) })),
    );
    expect(os.windows?.groupPolicy?.value).toBe(r.groupPolicy === true);
    expect(os.windows?.pendingReboot?.length).toBe(r.pendingReboot === true ? 5 : 0);
    expect(os.windows?.hibernated?.value).toBe(r.fastStartup === true ? false : undefined);
    expect(os.windows?.antivirus?.map((a) => a.value)).toEqual(scanners(r));
    await using g = await GuestFS.open(built.disk, { readonly: true });
    await g.inspectOs();
    const listed = await g.inspectListApplications2(os.root);
    const wanted = APPLICATIONS.filter((a) => a.wow64 !== true || r.arch !== 'x86');
    expect(listed.map((a) => a.app2_display_name).sort()).toEqual(wanted.map((a) => a.displayName).sort());
  });
});

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS))('several systems in one guest', () => {
  it('are found in the order of their devices, each with the boot configuration of its disk', {
    timeout: 120_000,
  }, async () => {
    const [first, second] = [await lookAlike('win7-x64'), await lookAlike('win2k22')];
    for (let round = 0; round < 2; round++) {
      await using g = await GuestFS.open([first.disk, second.disk], { readonly: true });
      const found = await g.inspectOsInfo();
      expect(found.map((os) => [os.root, os.hostname?.value])).toEqual([
        ['/dev/sda2', 'SEVEN64'],
        ['/dev/sdb3', 'SRV2022'],
      ]);
      expect(found.map((os) => os.windows?.firmware)).toEqual([
        { value: 'bios', source: '/dev/sda1:/Boot/BCD' },
        { value: 'uefi', source: '/dev/sdb1:/EFI/Microsoft/Boot/BCD' },
      ]);
      expect(found.map((os) => os.driveMappings?.C)).toEqual(['/dev/sda2', '/dev/sdb3']);
      await expect(g.mountRoot()).rejects.toThrow('several systems');
    }
  });
});

function bootStore(built: LookAlike): string {
  if (built.release.firmware === 'uefi') return `${device(built, 'esp')}:/EFI/Microsoft/Boot/BCD`;
  return `${device(built, built.release.systemReserved === true ? 'reserved' : 'windows')}:/Boot/BCD`;
}

function scanners(r: Release): string[] {
  if (r.antivirus !== undefined) return [r.antivirus];
  return r.installationType === 'Client' || r.major >= 10 ? ['Windows Defender'] : [];
}

function expectedUser(u: ReturnType<typeof users>[number]): object {
  return {
    name: u.name,
    uid: u.rid,
    gid: 513,
    sid: `${MACHINE_SID}-${u.rid}`,
    disabled: u.disabled,
    ...(u.fullName === '' ? {} : { fullName: u.fullName }),
    ...(u.comment === '' ? {} : { comment: u.comment }),
    ...(u.lastLogon === undefined ? {} : { lastLogon: iso(u.lastLogon) }),
    ...(u.name === 'Alice' ? { home: 'C:\\Users\\Alice' } : {}),
  };
}
