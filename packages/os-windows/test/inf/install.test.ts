import { existsSync, readFileSync } from 'node:fs';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import {
  InfFile,
  type InfRegChange,
  readInfInstall,
  readInfModels,
  readInfVersion,
  readSourceFiles,
} from '../../src/inf/index.js';
import { infOf, sample, WIN7_AMD64, WIN10_AMD64, WIN10_X86 } from './samples.js';

const REAL = new URL('../../../../../shared/data/driver/qemufwcfg/qemufwcfg.inf', import.meta.url);

describe('a storage driver', () => {
  const inf = sample('viostor.inf');

  it('says what it is', () => {
    expect(readInfVersion(inf, WIN10_AMD64)).toEqual({
      className: 'SCSIAdapter',
      classGuid: '{4d36e97b-e325-11ce-bfc1-08002be10318}',
      provider: 'Sample Maker, Inc.',
      date: { year: 2024, month: 7, day: 15 },
      version: [100, 95, 104, 26200],
      catalog: 'viostor.cat',
      isLockedDown: true,
    });
  });

  it('has devices for the target from the section that fits best', () => {
    const { devices, decorations } = readInfModels(inf, WIN10_AMD64);
    expect(devices.map((d) => [d.hardwareId, d.compatibleIds, d.installSection, d.modelsSection])).toEqual([
      [
        'PCI\\VEN_1AF4&DEV_1001&SUBSYS_00021AF4&REV_00',
        ['PCI\\VEN_1AF4&DEV_1001'],
        'virtio_blk_inst',
        'Devices.NTamd64.10.0...16299',
      ],
      [
        'PCI\\VEN_1AF4&DEV_1042&SUBSYS_11001AF4&REV_01',
        ['PCI\\VEN_1AF4&DEV_1042'],
        'virtio_blk_inst',
        'Devices.NTamd64.10.0...16299',
      ],
    ]);
    expect(devices[0]).toMatchObject({ description: 'Sample block controller', rawDescription: '%Legacy%' });
    expect(readInfModels(inf, WIN7_AMD64).devices[0]?.modelsSection).toBe('Devices.NTamd64');
    expect(decorations).toEqual(['NTx86', 'NTamd64', 'NTarm64', 'NTamd64.10.0...16299']);
    expect(readInfModels(inf, { ...WIN10_AMD64, architecture: 'ia64' }).devices).toEqual([]);
  });

  it('installs its file, service and settings', () => {
    const install = readInfInstall(inf, 'virtio_blk_inst', WIN10_AMD64);
    expect(install).toMatchObject({
      section: 'virtio_blk_inst',
      copies: [{ source: 'viostor.sys', name: 'viostor.sys', dirid: 12, subfolder: '', section: 'viostor_Files' }],
      hasServices: true,
      hasHardware: true,
      hasCoInstallers: false,
      featureScore: 0xff,
      deletedServices: [],
    });
    expect(install?.services).toMatchObject([
      {
        name: 'viostor',
        isFunctionDriver: true,
        type: 1,
        start: 0,
        errorControl: 1,
        binary: '%12%\\viostor.sys',
        loadOrderGroup: 'SCSI miniport',
        registry: [
          { action: 'set', root: 'HKR', key: 'Parameters', name: 'BusType', value: { type: 4, number: 1 } },
          { key: 'Parameters\\PnpInterface', name: '5', value: { type: 4, number: 1 } },
        ],
        eventLog: {
          log: 'System',
          name: 'viostor',
          registry: [
            { name: 'EventMessageFile', value: { type: 2, text: '%SystemRoot%\\System32\\IoLogMsg.dll' } },
            { name: 'TypesSupported', value: { type: 4, number: 7 } },
          ],
        },
      },
    ]);
    expect(install?.hardwareRegistry[0]).toEqual({
      action: 'add-key',
      root: 'HKR',
      key: 'Interrupt Management',
      name: '',
    });
    expect(readSourceFiles(inf, WIN10_AMD64)).toEqual(['viostor.sys']);
  });
});

describe('a network driver', () => {
  it('has decorated sections, a continued line, and catalogs by architecture', () => {
    const inf = sample('netkvm.inf');
    const install = readInfInstall(inf, 'Nic.ndi', WIN10_X86);
    expect(install?.section).toBe('Nic.ndi.NT');
    expect(install?.services[0]).toMatchObject({ name: 'netkvm', start: 3, loadOrderGroup: 'NDIS' });
    expect(install?.copies).toMatchObject([{ source: 'netkvm.sys', dirid: 12 }]);
    expect(install?.driverRegistry).toContainEqual({
      action: 'set',
      root: 'HKR',
      key: 'Ndi\\Params\\*JumboPacket',
      name: 'ParamDesc',
      value: { type: 1, text: 'Jumbo packet' },
    });
    expect(readInfVersion(inf, WIN10_X86).catalog).toBe('netkvm.cat');
    expect(readInfVersion(inf, { ...WIN10_X86, architecture: 'ia64' }).catalog).toBeUndefined();
  });
});

describe('registry entries', () => {
  const change = (line: string, section = 'R'): InfRegChange | undefined =>
    readInfInstall(
      infOf('[I.NT]', section === 'R' ? 'AddReg=R' : 'DelReg=D', '[R]', line, '[D]', line),
      'I',
      WIN10_AMD64,
    )?.driverRegistry[0];

  it('have all types', () => {
    expect(change('HKR,,b,1,01,ff,0x0A')?.value).toEqual({ type: 3, bytes: Uint8Array.of(1, 255, 10) });
    expect(change('HKR,,d,0x10001,0x10')?.value).toEqual({ type: 4, number: 16 });
    expect(change('HKR,,d,0x10001,01,02,00,80')?.value).toEqual({ type: 4, number: 0x80000201 });
    expect(change('HKR,,d,0x10001,-1')?.value).toEqual({ type: 4, number: 0xffffffff });
    expect(change('HKR,,m,0x10000,a,"b, c"')?.value).toEqual({ type: 7, list: ['a', 'b, c'] });
    expect(change('HKR,,e,0x20000,%%x%%')?.value).toEqual({ type: 2, text: '%x%' });
    expect(change('HKR,,q,0xb0001,01,00,00,00,00,00,00,00')?.value).toMatchObject({ type: 11 });
    expect(change('HKR,,n,0x20001')?.value).toEqual({ type: 0, bytes: new Uint8Array(0) });
  });

  it('have conditions and deletions', () => {
    expect(change('HKLM,Software\\X,v,0x10002,1')).toMatchObject({ root: 'HKLM', condition: 'if-missing' });
    expect(change('HKLM,X,v,0x20,1')).toMatchObject({ condition: 'if-present' });
    expect(change('HKLM,X,m,0x10008,more')).toMatchObject({ action: 'append', value: { list: ['more'] } });
    expect(change('HKLM,X,v,4')).toMatchObject({ action: 'delete-value' });
    expect(change('HKLM,X')).toMatchObject({ action: 'add-key', key: 'X' });
    expect(change('HKLM,X,v', 'D')).toMatchObject({ action: 'delete-value', name: 'v' });
    expect(change('HKLM,X', 'D')).toMatchObject({ action: 'delete-key' });
    expect(change('HKLM,X,m,0x00018002,gone', 'D')).toMatchObject({ action: 'remove-string' });
  });

  it('are refused when they are broken', () => {
    expect(() => change('HKXX,a,b,,c')).toThrow(/HKXX.*no registry root/);
    expect(() => change('HKR,,b,1,zz')).toThrow(/no byte/);
    expect(() => change('HKR,,d,0x10001,99999999999')).toThrow(/32-bit/);
  });
});

describe('files', () => {
  it('come from folders of the source disk, decorated by architecture, and never from outside', () => {
    const inf = infOf(
      '[I.NTamd64]',
      'CopyFiles=@a.dll,List',
      '[List]',
      'new.sys,old.sys',
      '[DestinationDirs]',
      'DefaultDestDir=11',
      'List=12,sub',
      '[SourceDisksNames.amd64]',
      '1=d,,,\\amd64',
      '[SourceDisksNames]',
      '1=d',
      '[SourceDisksFiles]',
      'a.dll=1',
      'old.sys=1,..\\..\\bin',
    );
    expect(readInfInstall(inf, 'I', WIN10_AMD64)?.copies).toEqual([
      { source: 'amd64/a.dll', name: 'a.dll', dirid: 11, subfolder: '', section: '@' },
      { source: 'amd64/bin/old.sys', name: 'new.sys', dirid: 12, subfolder: 'sub', section: 'List' },
    ]);
  });

  it('need sections that are there', () => {
    const broken = infOf('[I]', 'CopyFiles=Gone', '[I.Services]', 'AddService=x,2,Gone');
    expect(() => readInfInstall(broken, 'I', WIN10_AMD64)).toThrow(/no section \[Gone\]/);
    expect(readInfInstall(broken, 'J', WIN10_AMD64)).toBeUndefined();
  });

  it('follow Needs within the INF, once', () => {
    const inf = infOf('[I]', 'Include=other.inf', 'Needs=J,K', '[J]', 'Needs=I', 'AddReg=R', '[R]', 'HKR,,x,,y');
    const install = readInfInstall(inf, 'I', WIN10_AMD64);
    expect(install).toMatchObject({ includes: ['other.inf'], foreignNeeds: ['K'], driverRegistry: [{ name: 'x' }] });
  });
});

describe.runIf(requireTools(`data:${REAL.pathname}`))('a real INF', () => {
  it('is the null driver that its maker published', () => {
    expect(existsSync(REAL)).toBe(true);
    const inf = InfFile.parse(new Uint8Array(readFileSync(REAL)), { name: 'qemufwcfg.inf' });
    expect(readInfVersion(inf, WIN10_AMD64)).toMatchObject({
      className: 'System',
      classGuid: '{4d36e97d-e325-11ce-bfc1-08002be10318}',
      provider: 'QEMU',
      date: { year: 2016, month: 10, day: 21 },
      version: [1, 0, 0, 0],
      catalog: 'qemufwcfg.cat',
    });
    for (const target of [WIN10_AMD64, WIN10_X86]) {
      const { devices } = readInfModels(inf, target);
      expect(devices).toMatchObject([{ hardwareId: 'ACPI\\QEMU0002', description: 'QEMU FWCfg Device' }]);
      expect(readInfInstall(inf, devices[0]!.installSection, target)).toMatchObject({
        services: [],
        hasServices: true,
      });
    }
  });
});
