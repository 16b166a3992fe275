import type { DiskLayout } from './disk-layout.js';
import { driverKeys, guidBytes } from './driver-database.js';
import { binary, bytes, dword, expand, multi, type RegKeys, type RegValue, sz } from './reg-text.js';
import type { Release } from './releases.js';

/** What is below HKLM\SYSTEM. */
export function systemHive(r: Release, layout: DiskLayout): RegKeys {
  const set = `ControlSet00${r.controlSet}`;
  const keys: Record<string, Record<string, RegValue>> = {
    Select: {
      Current: dword(r.controlSet),
      Default: dword(r.controlSet),
      Failed: dword(0),
      LastKnownGood: dword(r.controlSet),
    },
    Setup: {
      CmdLine: sz(''),
      OOBEInProgress: dword(0),
      SetupPhase: dword(0),
      SetupType: dword(0),
      SystemSetupInProgress: dword(0),
      SystemPartition: sz('\\Device\\HarddiskVolume1'),
      WorkingDirectory: sz('C:\\Windows\\Panther'),
    },
    MountedDevices: mountedDevices(layout),
    ...control(r, set),
    ...driverKeys(r, set),
    ...services(r, set),
  };
  // A control set that is not in use any more must not be taken for the current one.
  if (r.controlSet !== 1) {
    keys['ControlSet001\\Control\\ComputerName\\ComputerName'] = { ComputerName: sz('WRONG') };
    keys['ControlSet001\\Services\\Tcpip\\Parameters'] = { Hostname: sz('WRONG') };
  }
  return keys;
}

function mountedDevices(layout: DiskLayout): Record<string, RegValue> {
  const values: Record<string, RegValue> = {};
  for (const { letter, gptGuid, mbr } of layout.drives) {
    values[`\\DosDevices\\${letter}:`] =
      gptGuid === undefined
        ? bytes(mbrDrive(mbr!))
        : bytes(Buffer.concat([Buffer.from('DMIO:ID:'), guidBytes(gptGuid)]));
  }
  const cdrom =
    '\\??\\SCSI#CdRom&Ven_QEMU&Prod_QEMU_DVD-ROM#4&1f16fef7&0&000200#{53f5630d-b6bf-11d0-94f2-00a0c91efb8b}';
  values['\\DosDevices\\E:'] = bytes(Buffer.from(cdrom, 'utf16le'));
  values['\\??\\Volume{62517174-f29b-11ec-85e0-806e6f6e6963}'] = values['\\DosDevices\\C:']!;
  return values;
}

function mbrDrive({ signature, offset }: { signature: number; offset: number }): Uint8Array {
  const b = Buffer.alloc(12);
  b.writeUInt32LE(signature, 0);
  b.writeBigUInt64LE(BigInt(offset), 4);
  return b;
}

function control(r: Release, set: string): RegKeys {
  const architecture = { x86: 'x86', amd64: 'AMD64', arm64: 'ARM64' }[r.arch];
  const isServer = r.installationType !== 'Client';
  return {
    [`${set}\\Control`]: {
      CurrentUser: sz('USERNAME'),
      FirmwareBootDevice: sz('multi(0)disk(0)rdisk(0)partition(1)'),
      SystemBootDevice: sz('multi(0)disk(0)rdisk(0)partition(2)'),
      SystemStartOptions: sz(' NOEXECUTE=OPTIN'),
      ...(r.major >= 6 && r.minor !== 1 ? { PEFirmwareType: dword(r.firmware === 'uefi' ? 2 : 1) } : {}),
    },
    [`${set}\\Control\\ComputerName\\ComputerName`]: { '@': sz('mnmsrvc'), ComputerName: sz(r.hostname) },
    [`${set}\\Control\\CrashControl`]: {
      AutoReboot: dword(1),
      CrashDumpEnabled: dword(7),
      DumpFile: expand('%SystemRoot%\\MEMORY.DMP'),
    },
    [`${set}\\Control\\Nls\\Language`]: { Default: sz(r.language[0]), InstallLanguage: sz(r.language[0]) },
    [`${set}\\Control\\ProductOptions`]: {
      ProductType: sz(isServer ? 'ServerNT' : 'WinNT'),
      ProductSuite: multi('Terminal Server'),
    },
    [`${set}\\Control\\Session Manager`]: {
      BootExecute: multi('autocheck autochk *'),
      ...(r.pendingReboot === true
        ? { PendingFileRenameOperations: multi('\\??\\C:\\Windows\\Temp\\old.tmp', '') }
        : {}),
    },
    [`${set}\\Control\\Session Manager\\Environment`]: {
      ComSpec: expand('%SystemRoot%\\system32\\cmd.exe'),
      OS: sz('Windows_NT'),
      PROCESSOR_ARCHITECTURE: sz(architecture),
      Path: expand('%SystemRoot%\\system32;%SystemRoot%;%SystemRoot%\\System32\\Wbem'),
      windir: expand('%SystemRoot%'),
    },
    [`${set}\\Control\\Session Manager\\Power`]:
      r.major >= 10 || r.minor >= 2 ? { HiberbootEnabled: dword(r.fastStartup === true ? 1 : 0) } : {},
    [`${set}\\Control\\TimeZoneInformation`]: {
      Bias: dword(0),
      StandardName: sz('@tzres.dll,-932'),
      TimeZoneKeyName: sz(r.timezone[0]),
    },
    [`${set}\\Control\\Windows`]: {
      Directory: expand('%SystemRoot%'),
      SystemDirectory: expand('%SystemRoot%\\system32'),
      CSDVersion: dword(r.servicePack === undefined ? 0 : 0x100),
    },
    [`${set}\\Control\\Class\\{4d36e97b-e325-11ce-bfc1-08002be10318}`]: {
      '@': sz('Storage controllers'),
      Class: sz('SCSIAdapter'),
    },
    [`${set}\\Control\\Class\\{4d36e972-e325-11ce-bfc1-08002be10318}`]: {
      '@': sz('Network adapters'),
      Class: sz('Net'),
    },
    [`${set}\\Control\\Lsa`]: { LimitBlankPasswordUse: dword(1), ForceGuest: dword(0) },
    [`${set}\\Control\\Lsa\\JD`]: { Lookup: binary(0x17, 0x1a, 0xea, 0xb9, 0xde, 0x6a) },
    [`${set}\\Control\\ServiceGroupOrder`]: {
      List: multi(
        'System Reserved',
        'EMS',
        'WdfLoadGroup',
        'Boot Bus Extender',
        'System Bus Extender',
        'SCSI miniport',
        'Port',
      ),
    },
    [`${set}\\Control\\GroupOrderList`]: {
      'SCSI Miniport': binary(3, 0, 0, 0, 0x1e, 0, 0, 0, 0x1f, 0, 0, 0, 0x20, 0, 0, 0),
    },
  };
}

/** Services that are no boot drivers. */
function services(r: Release, set: string): RegKeys {
  const own = (image: string, start: number): Record<string, RegValue> => ({
    DisplayName: sz(`@${image},-100`),
    ErrorControl: dword(1),
    ImagePath: expand(image),
    ObjectName: sz('LocalSystem'),
    Start: dword(start),
    Type: dword(0x10),
  });
  const keys: Record<string, Record<string, RegValue>> = {
    [`${set}\\Services\\Tcpip`]: {
      ErrorControl: dword(3),
      Group: sz('PNP_TDI'),
      ImagePath: expand('System32\\drivers\\tcpip.sys'),
      Start: dword(0),
      Tag: dword(3),
      Type: dword(1),
    },
    [`${set}\\Services\\Tcpip\\Parameters`]: {
      DataBasePath: expand('%SystemRoot%\\System32\\drivers\\etc'),
      Domain: sz(r.domain ?? ''),
      Hostname: sz(r.hostname),
      'NV Domain': sz(r.domain ?? ''),
      'NV Hostname': sz(r.hostname),
    },
    [`${set}\\Services\\Dhcp`]: {
      ...own('%SystemRoot%\\system32\\svchost.exe -k LocalServiceNetworkRestricted', 2),
      DependOnService: multi('NSI', 'Afd'),
      Type: dword(0x20),
    },
    [`${set}\\Services\\EventLog`]: {
      ...own('%SystemRoot%\\System32\\svchost.exe -k LocalServiceNetworkRestricted', 2),
      Type: dword(0x20),
    },
    [`${set}\\Services\\LSI_SAS`]: {
      ErrorControl: dword(1),
      Group: sz('SCSI Miniport'),
      ImagePath: expand('System32\\drivers\\lsi_sas.sys'),
      Start: dword(0),
      Tag: dword(9),
      Type: dword(1),
    },
    [`${set}\\Services\\LSI_SAS\\StartOverride`]: { '0': dword(3) },
  };
  if (r.installationType === 'Client' || r.major >= 10)
    keys[`${set}\\Services\\WinDefend`] = own(
      '"%ProgramFiles%\\Windows Defender\\MsMpEng.exe"',
      r.antivirus === undefined ? 2 : 4,
    );
  if (r.antivirus !== undefined)
    keys[`${set}\\Services\\ExampleAv`] = own('"C:\\Program Files\\Example\\exampleav.exe"', 2);
  return keys;
}
