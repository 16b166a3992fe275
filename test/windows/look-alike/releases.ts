/** Processor of a Windows installation, as PROCESSOR_ARCHITECTURE writes it in lower case. */
export type WindowsArch = 'x86' | 'amd64' | 'arm64';

/** A Windows installation to build, and what inspection must say of it. */
export interface Release {
  readonly id: string;
  /** Short id of libosinfo. */
  readonly osinfo: string;
  /** As the SOFTWARE hive has it. */
  readonly productName: string;
  /** What people call it: differs from `productName` for Windows 11, whose registry still says 10. */
  readonly marketingName: string;
  readonly editionId: string;
  readonly installationType: 'Client' | 'Server' | 'Server Core';
  readonly displayVersion?: string;
  readonly codename?: string;
  readonly major: number;
  readonly minor: number;
  readonly build: number;
  readonly ubr: number;
  readonly servicePack?: string;
  readonly arch: WindowsArch;
  readonly firmware: 'bios' | 'uefi';
  /** BIOS only: a partition of its own for \Boot and \bootmgr. */
  readonly systemReserved?: boolean;
  readonly hostname: string;
  readonly domain?: string;
  /** Windows' name and the one of IANA. */
  readonly timezone: readonly [windows: string, iana: string];
  /** Language id and tag. */
  readonly language: readonly [id: string, tag: string];
  /** Number of the current control set. */
  readonly controlSet: number;
  /** Seconds since 1970. */
  readonly installed: number;
  readonly groupPolicy?: boolean;
  /** A third-party virus scanner. */
  readonly antivirus?: string;
  /** Something waits for the next boot. */
  readonly pendingReboot?: boolean;
  readonly fastStartup?: boolean;
}

const WIN7 = { major: 6, minor: 1, build: 7601, servicePack: 'Service Pack 1' } as const;
const WIN81 = { major: 6, minor: 3, build: 9600 } as const;
const W10 = { major: 10, minor: 0 } as const;

const UTC = ['UTC', 'Etc/UTC'] as const;
const BERLIN = ['W. Europe Standard Time', 'Europe/Berlin'] as const;
const NEW_YORK = ['Eastern Standard Time', 'America/New_York'] as const;
const TOKYO = ['Tokyo Standard Time', 'Asia/Tokyo'] as const;
const ENGLISH = ['0409', 'en-US'] as const;
const GERMAN = ['0407', 'de-DE'] as const;
const JAPANESE = ['0411', 'ja-JP'] as const;

const client = { installationType: 'Client' } as const;
const server = { installationType: 'Server', arch: 'amd64' } as const;

/** Every release that drivers are made for today and that guests still run, in order of age. */
export const RELEASES: readonly Release[] = [
  {
    id: 'win7-x86',
    osinfo: 'win7',
    productName: 'Windows 7 Professional',
    marketingName: 'Windows 7 Professional',
    editionId: 'Professional',
    ...client,
    ...WIN7,
    ubr: 24545,
    arch: 'x86',
    firmware: 'bios',
    hostname: 'SEVEN32',
    timezone: BERLIN,
    language: GERMAN,
    controlSet: 1,
    installed: 1293879600,
  },
  {
    id: 'win7-x64',
    osinfo: 'win7',
    productName: 'Windows 7 Ultimate',
    marketingName: 'Windows 7 Ultimate',
    editionId: 'Ultimate',
    ...client,
    ...WIN7,
    ubr: 24545,
    arch: 'amd64',
    firmware: 'bios',
    systemReserved: true,
    hostname: 'SEVEN64',
    domain: 'corp.example.com',
    timezone: NEW_YORK,
    language: ENGLISH,
    controlSet: 2,
    installed: 1325415600,
    groupPolicy: true,
  },
  {
    id: 'win8.1-x86',
    osinfo: 'win8.1',
    productName: 'Windows 8.1',
    marketingName: 'Windows 8.1',
    editionId: 'Core',
    ...client,
    ...WIN81,
    ubr: 19920,
    arch: 'x86',
    firmware: 'bios',
    systemReserved: true,
    hostname: 'EIGHT32',
    timezone: TOKYO,
    language: JAPANESE,
    controlSet: 1,
    installed: 1420110000,
  },
  {
    id: 'win8.1-x64',
    osinfo: 'win8.1',
    productName: 'Windows 8.1 Pro',
    marketingName: 'Windows 8.1 Pro',
    editionId: 'Professional',
    ...client,
    ...WIN81,
    ubr: 20778,
    arch: 'amd64',
    firmware: 'uefi',
    hostname: 'EIGHT64',
    timezone: BERLIN,
    language: GERMAN,
    controlSet: 1,
    installed: 1420110060,
    fastStartup: true,
  },
  {
    id: 'win10-x86',
    osinfo: 'win10',
    productName: 'Windows 10 Pro',
    marketingName: 'Windows 10 Pro',
    editionId: 'Professional',
    ...client,
    displayVersion: '22H2',
    ...W10,
    build: 19045,
    ubr: 4291,
    arch: 'x86',
    firmware: 'bios',
    systemReserved: true,
    hostname: 'DESKTOP-32BIT',
    timezone: UTC,
    language: ENGLISH,
    controlSet: 1,
    installed: 1650000000,
  },
  {
    id: 'win10-x64',
    osinfo: 'win10',
    productName: 'Windows 10 Pro',
    marketingName: 'Windows 10 Pro',
    editionId: 'Professional',
    ...client,
    displayVersion: '22H2',
    ...W10,
    build: 19045,
    ubr: 4291,
    arch: 'amd64',
    firmware: 'uefi',
    hostname: 'DESKTOP-M3OSHQU',
    timezone: BERLIN,
    language: ENGLISH,
    controlSet: 1,
    installed: 1655712000,
    antivirus: 'Example Antivirus',
    pendingReboot: true,
  },
  {
    id: 'win11-x64',
    osinfo: 'win11',
    productName: 'Windows 10 Pro',
    marketingName: 'Windows 11 Pro',
    editionId: 'Professional',
    ...client,
    displayVersion: '23H2',
    ...W10,
    build: 22631,
    ubr: 3447,
    arch: 'amd64',
    firmware: 'uefi',
    hostname: 'ELEVEN',
    domain: 'corp.example.com',
    timezone: NEW_YORK,
    language: ENGLISH,
    controlSet: 1,
    installed: 1700000000,
    groupPolicy: true,
    fastStartup: true,
  },
  {
    id: 'win11-arm64',
    osinfo: 'win11',
    productName: 'Windows 10 Home',
    marketingName: 'Windows 11 Home',
    editionId: 'Core',
    ...client,
    displayVersion: '24H2',
    ...W10,
    build: 26100,
    ubr: 2033,
    arch: 'arm64',
    firmware: 'uefi',
    hostname: 'ELEVEN-ARM',
    timezone: TOKYO,
    language: JAPANESE,
    controlSet: 1,
    installed: 1727740800,
  },
  {
    id: 'win2k8r2',
    osinfo: 'win2k8r2',
    productName: 'Windows Server 2008 R2 Standard',
    marketingName: 'Windows Server 2008 R2 Standard',
    editionId: 'ServerStandard',
    ...server,
    ...WIN7,
    ubr: 24545,
    firmware: 'bios',
    systemReserved: true,
    hostname: 'SRV2008R2',
    domain: 'corp.example.com',
    timezone: UTC,
    language: ENGLISH,
    controlSet: 1,
    installed: 1310000000,
  },
  {
    id: 'win2k12',
    osinfo: 'win2k12',
    productName: 'Windows Server 2012 Standard',
    marketingName: 'Windows Server 2012 Standard',
    editionId: 'ServerStandard',
    ...server,
    major: 6,
    minor: 2,
    build: 9200,
    ubr: 22000,
    firmware: 'bios',
    systemReserved: true,
    hostname: 'SRV2012',
    timezone: BERLIN,
    language: GERMAN,
    controlSet: 1,
    installed: 1360000000,
  },
  {
    id: 'win2k12r2',
    osinfo: 'win2k12r2',
    productName: 'Windows Server 2012 R2 Datacenter',
    marketingName: 'Windows Server 2012 R2 Datacenter',
    editionId: 'ServerDatacenter',
    ...server,
    ...WIN81,
    ubr: 20778,
    firmware: 'uefi',
    hostname: 'SRV2012R2',
    timezone: NEW_YORK,
    language: ENGLISH,
    controlSet: 2,
    installed: 1400000000,
  },
  {
    id: 'win2k16',
    osinfo: 'win2k16',
    productName: 'Windows Server 2016 Standard',
    marketingName: 'Windows Server 2016 Standard',
    editionId: 'ServerStandard',
    ...server,
    displayVersion: '1607',
    ...W10,
    build: 14393,
    ubr: 6252,
    firmware: 'uefi',
    hostname: 'SRV2016',
    timezone: UTC,
    language: ENGLISH,
    controlSet: 1,
    installed: 1480000000,
  },
  {
    id: 'win2k19',
    osinfo: 'win2k19',
    productName: 'Windows Server 2019 Datacenter',
    marketingName: 'Windows Server 2019 Datacenter',
    editionId: 'ServerDatacenter',
    ...server,
    displayVersion: '1809',
    ...W10,
    build: 17763,
    ubr: 4974,
    firmware: 'uefi',
    hostname: 'SRV2019',
    domain: 'corp.example.com',
    timezone: UTC,
    language: ENGLISH,
    controlSet: 1,
    installed: 1560000000,
    groupPolicy: true,
  },
  {
    id: 'win2k22',
    osinfo: 'win2k22',
    productName: 'Windows Server 2022 Standard',
    marketingName: 'Windows Server 2022 Standard',
    editionId: 'ServerStandard',
    ...server,
    displayVersion: '21H2',
    ...W10,
    build: 20348,
    ubr: 1547,
    firmware: 'uefi',
    hostname: 'SRV2022',
    timezone: UTC,
    language: ENGLISH,
    controlSet: 1,
    installed: 1640000000,
  },
  {
    id: 'win2k25',
    osinfo: 'win2k25',
    productName: 'Windows Server 2025 Standard',
    marketingName: 'Windows Server 2025 Standard',
    editionId: 'ServerStandardCor',
    ...server,
    installationType: 'Server Core',
    displayVersion: '24H2',
    ...W10,
    build: 26100,
    ubr: 1742,
    firmware: 'uefi',
    hostname: 'SRV2025',
    timezone: UTC,
    language: ENGLISH,
    controlSet: 1,
    installed: 1730000000,
  },
];

/** A release by its id. */
export function release(id: string): Release {
  const found = RELEASES.find((r) => r.id === id);
  if (found === undefined) throw new Error(`no release ${id}`);
  return found;
}

/** Whether the version is at least that of a release: 6.2 is Windows 8. */
export const atLeast = (r: Release, major: number, minor: number): boolean =>
  r.major > major || (r.major === major && r.minor >= minor);
