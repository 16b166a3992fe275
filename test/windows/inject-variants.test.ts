import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { diskCopy } from './guest-disk.js';
import { HivexReader } from './hivex-check.js';
import { LOOK_ALIKE_NEEDS, writeHive } from './look-alike/build.js';
import { portableExecutable } from './look-alike/machine-code.js';
import { binary } from './look-alike/reg-text.js';
import { writePackage } from './virtio-tree.js';

const SERVICE = 'ControlSet001\\Services\\vioscsi';

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS))('packages of other shapes', () => {
  let folder = '';
  let g: GuestFS;
  const inf = () => join(folder, 'vioscsi', 'vioscsi.inf');
  const edit = (change: (text: string) => string): void => writeFileSync(inf(), change(readFileSync(inf(), 'utf8')));
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-shapes-'));
    writePackage(join(folder, 'vioscsi'), 'vioscsi', 'amd64');
    const { image } = await diskCopy('win10-x64', folder);
    g = await GuestFS.open(image, { format: 'raw' });
    await g.mountRoot();
  }, 60_000);
  afterEach(async () => {
    await g.rollback();
    rmSync(folder, { recursive: true, force: true });
  });
  const scsi = async () => (await g.verifyDrivers()).buses.find((b) => b.bus === 'virtio-scsi')!;

  it('a driver that stays in the driver store', { timeout: 60_000 }, async () => {
    edit((text) => text.replace('vioscsi_Files = 12', 'vioscsi_Files = 13').replace('%12%', '%13%'));
    const { packages, files } = await g.injectDriver(join(folder, 'vioscsi'));
    expect(files.some((f) => f.endsWith('System32/drivers/vioscsi.sys'))).toBe(false);
    expect(packages[0]!.services[0]!.imagePath).toBe(
      `\\SystemRoot\\System32\\DriverStore\\FileRepository\\${packages[0]!.storeName}\\vioscsi.sys`,
    );
    expect(await scsi()).toMatchObject({ bootable: true });
  });

  it('a driver that its INF starts on demand, with a StartOverride from before', { timeout: 60_000 }, async () => {
    edit((text) => text.replace('%SERVICE_BOOT_START%', '3'));
    await g.registryWrite('SYSTEM', `${SERVICE}\\StartOverride`, '0', 3, { type: 'dword' });
    await g.injectDriver(join(folder, 'vioscsi'));
    expect(await g.registryRead('SYSTEM', SERVICE, 'Start')).toBe(0);
    expect(await scsi()).toMatchObject({ bootable: true });
    await g.registryWrite('SYSTEM', `${SERVICE}\\StartOverride`, '0', 3, { type: 'dword' });
    expect((await scsi()).devices[0]!.problems).toEqual(['StartOverride of vioscsi makes it demand']);
  });

  it('a newer package of the same driver takes its place', { timeout: 60_000 }, async () => {
    const first = await g.injectDriver(join(folder, 'vioscsi'));
    edit((text) => text.replace('100.95.104.26200', '100.100.104.27100'));
    writePackage(join(folder, 'new'), 'vioscsi', 'amd64', 'newer');
    writeFileSync(join(folder, 'new/vioscsi.inf'), readFileSync(inf()));
    const second = await g.injectDriver(join(folder, 'new'));
    expect(second.packages[0]!.publishedInf).not.toBe(first.packages[0]!.publishedInf);
    const sys = Buffer.from(await g.readFile('/Windows/System32/drivers/vioscsi.sys'));
    expect(sys.equals(readFileSync(join(folder, 'new/vioscsi.sys')))).toBe(true);
    expect(await scsi()).toMatchObject({ bootable: true });
  });

  it('every link that is cut is named', { timeout: 60_000 }, async () => {
    const { packages } = await g.injectDriver(join(folder, 'vioscsi'));
    const { storeName, publishedInf } = packages[0]!;
    const problem = async (): Promise<string> => (await scsi()).devices[1]!.problems.join('; ');
    await g.registryWrite('SYSTEM', SERVICE, 'Start', 4, { type: 'dword' });
    expect(await problem()).toBe('vioscsi starts at disabled, not at boot');
    await g.setService('vioscsi', 'boot');
    expect(await problem()).toBe('');
    const driver = '/Windows/System32/drivers/vioscsi.sys';
    await g.write(driver, portableExecutable('amd64', 'native', 'altered'));
    expect(await problem()).toMatch(/no catalog that vouches for it \(vioscsi\.cat does not know its file\)/);
    await g.upload(join(folder, 'vioscsi/vioscsi.sys'), driver);
    expect(await problem()).toBe('');
    await g.rm(`/Windows/System32/DriverStore/FileRepository/${storeName}/vioscsi.cat`);
    expect(await problem()).toMatch(/has no catalog/);
    await g.rm('/Windows/System32/drivers/vioscsi.sys');
    expect(await problem()).toMatch(/there is no \/Windows\/system32\/drivers\/vioscsi\.sys/i);
    await g.registryDelete('SYSTEM', `DriverDatabase\\DriverPackages\\${storeName}`, { name: 'Version' });
    expect(await problem()).toBe(`DriverPackages\\${storeName} has no Version`);
    await g.registryDelete('SYSTEM', `DriverDatabase\\DriverInfFiles\\${publishedInf}`);
    expect(await problem()).toBe(`DriverInfFiles\\${publishedInf} names no active package`);
    await g.registryDelete('SYSTEM', SERVICE);
    await g.registryDelete('SYSTEM', 'DriverDatabase\\DeviceIds\\PCI\\VEN_1AF4&DEV_1048');
    await g.registryDelete('SYSTEM', 'DriverDatabase\\DeviceIds\\PCI\\VEN_1AF4&DEV_1048&SUBSYS_11001AF4&REV_01');
    expect(await problem()).toBe('no driver is bound to PCI\\VEN_1AF4&DEV_1048');
  });

  it('the second driver database of newer releases gets them too', { timeout: 60_000 }, async () => {
    const hive = join(folder, 'DRIVERS');
    await writeHive(hive, { DriverDatabase: { OemInfMap: binary(0xff, 0x80) } });
    await g.upload(hive, '/Windows/System32/config/DRIVERS');
    const { packages, registry } = await g.injectDriver(join(folder, 'vioscsi'));
    await g.download('/Windows/System32/config/DRIVERS', hive);
    const reader = new HivexReader(hive);
    expect(reader.binary('DriverDatabase\\DeviceIds\\PCI\\VEN_1AF4&DEV_1004', packages[0]!.publishedInf)).toBe(
      '02ff0000',
    );
    expect(reader.text(`DriverDatabase\\DriverPackages\\${packages[0]!.storeName}`, 'InfName')?.text).toBe(
      'vioscsi.inf',
    );
    expect(registry.some((c) => c.hive === 'DRIVERS')).toBe(true);
    expect(execFileSync('hivexget', [hive, '\\DriverDatabase', 'OemInfMap'], { encoding: 'latin1' })).not.toBe('');
  });
});
