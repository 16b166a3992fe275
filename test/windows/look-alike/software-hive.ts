import { binary, dword, expand, filetime, multi, qword, type RegKeys, type RegValue, sz } from './reg-text.js';
import { atLeast, type Release } from './releases.js';

/** An application of the Uninstall keys. */
export interface LookAlikeApplication {
  /** Name of the key. */
  readonly key: string;
  readonly displayName: string;
  readonly version: string;
  readonly publisher?: string;
  readonly url?: string;
  readonly location?: string;
  readonly comments?: string;
  /** Below WOW6432Node: a 32-bit program on a 64-bit Windows. */
  readonly wow64?: boolean;
}

/** Applications that every look-alike has; those of WOW6432Node only where it is 64-bit. */
export const APPLICATIONS: readonly LookAlikeApplication[] = [
  {
    key: '7-Zip',
    displayName: '7-Zip 23.01',
    version: '23.01',
    publisher: 'Igor Pavlov',
    location: 'C:\\Program Files\\7-Zip\\',
  },
  {
    key: '{90160000-008C-0000-1000-0000000FF1CE}',
    displayName: 'Office 16 Click-to-Run Extensibility Component',
    version: '16.0.4266.1001',
    publisher: 'Microsoft Corporation',
    comments: 'Überprüft – 検証済み',
  },
  {
    key: 'Mozilla Firefox 115.0 (x86 en-US)',
    displayName: 'Mozilla Firefox (x86 en-US)',
    version: '115.0',
    publisher: 'Mozilla',
    url: 'https://www.mozilla.org',
    location: 'C:\\Program Files (x86)\\Mozilla Firefox',
    wow64: true,
  },
];

/** An update that a look-alike has installed. */
export const HOTFIXES: readonly string[] = ['KB5034441', 'KB976932'];

/** Security ids of the local accounts begin with this. */
export const MACHINE_SID = 'S-1-5-21-1004336348-1177238915-682003330';

/** What is below HKLM\SOFTWARE. */
export function softwareHive(r: Release): RegKeys {
  const is64 = r.arch !== 'x86';
  return {
    'Classes\\.txt': { '@': sz('txtfile') },
    'Microsoft\\Windows NT\\CurrentVersion': currentVersion(r),
    'Microsoft\\Windows NT\\CurrentVersion\\HotFix': {},
    'Microsoft\\Windows NT\\CurrentVersion\\Winlogon': {
      Shell: sz('explorer.exe'),
      Userinit: sz('C:\\Windows\\system32\\userinit.exe,'),
    },
    ...profileList(),
    'Microsoft\\Windows\\CurrentVersion': {
      CommonFilesDir: sz('C:\\Program Files\\Common Files'),
      DevicePath: expand('%SystemRoot%\\inf'),
      ProgramFilesDir: sz('C:\\Program Files'),
      ProgramFilesPath: expand('%ProgramFiles%'),
      ...(is64 ? { 'ProgramFilesDir (x86)': sz('C:\\Program Files (x86)') } : {}),
    },
    'Microsoft\\Windows\\CurrentVersion\\Policies\\System': { EnableLUA: dword(1) },
    'Microsoft\\Windows\\CurrentVersion\\Run': {},
    'Microsoft\\Windows\\CurrentVersion\\Setup': { BootDir: sz('C:\\') },
    ...uninstall(r),
    ...servicing(r),
    ...groupPolicy(r),
    ...(r.antivirus === undefined
      ? {}
      : {
          'Microsoft\\Security Center\\Provider\\Av\\{11111111-2222-3333-4444-555555555555}': {
            DISPLAYNAME: sz(r.antivirus),
          },
        }),
    ...storeApplications(r),
    ...(is64
      ? { 'Wow6432Node\\Microsoft\\Windows\\CurrentVersion': { ProgramFilesDir: sz('C:\\Program Files (x86)') } }
      : {}),
  };
}

function currentVersion(r: Release): Record<string, RegValue> {
  const lab = `${r.build}.${r.arch === 'x86' ? 'x86' : r.arch}fre.release`;
  const common = {
    BuildLab: sz(lab),
    BuildLabEx: sz(lab),
    CurrentBuild: sz(String(r.build)),
    CurrentBuildNumber: sz(String(r.build)),
    CurrentType: sz('Multiprocessor Free'),
    // Windows 10 and later say 6.3 here, and the truth in two numbers of their own.
    CurrentVersion: sz(r.major >= 10 ? '6.3' : `${r.major}.${r.minor}`),
    EditionID: sz(r.editionId),
    InstallationType: sz(r.installationType),
    InstallDate: dword(r.installed),
    PathName: sz('C:\\Windows'),
    ProductId: sz('00330-80000-00000-AA123'),
    ProductName: sz(r.productName),
    RegisteredOrganization: sz('Example Ltd'),
    RegisteredOwner: sz('Alice'),
    SystemRoot: sz('C:\\Windows'),
    UBR: dword(r.ubr),
  };
  return {
    ...common,
    ...(r.servicePack === undefined ? {} : { CSDVersion: sz(r.servicePack) }),
    ...(r.major < 10
      ? {}
      : {
          CurrentMajorVersionNumber: dword(r.major),
          CurrentMinorVersionNumber: dword(r.minor),
          InstallTime: qword(filetime(r.installed)),
          ReleaseId: sz(r.build < 19043 ? (r.displayVersion ?? '') : '2009'),
          ...(r.build >= 19042 ? { DisplayVersion: sz(r.displayVersion ?? '') } : {}),
        }),
  };
}

function profileList(): RegKeys {
  const key = 'Microsoft\\Windows NT\\CurrentVersion\\ProfileList';
  const profile = (path: string): Record<string, RegValue> => ({
    ProfileImagePath: expand(path),
    Flags: dword(0),
    State: dword(0),
  });
  return {
    [key]: { Default: expand('%SystemDrive%\\Users\\Default'), ProfilesDirectory: expand('%SystemDrive%\\Users') },
    [`${key}\\S-1-5-18`]: profile('%systemroot%\\system32\\config\\systemprofile'),
    [`${key}\\${MACHINE_SID}-1001`]: profile('C:\\Users\\Alice'),
  };
}

function uninstall(r: Release): RegKeys {
  const keys: Record<string, Record<string, RegValue>> = {
    'Microsoft\\Windows\\CurrentVersion\\Uninstall\\Connection Manager': { SystemComponent: dword(1) },
  };
  for (const app of APPLICATIONS) {
    if (app.wow64 === true && r.arch === 'x86') continue;
    const base = app.wow64 === true ? 'Wow6432Node\\Microsoft' : 'Microsoft';
    keys[`${base}\\Windows\\CurrentVersion\\Uninstall\\${app.key}`] = {
      DisplayName: sz(app.displayName),
      DisplayVersion: sz(app.version),
      ...(app.publisher === undefined ? {} : { Publisher: sz(app.publisher) }),
      ...(app.url === undefined ? {} : { URLInfoAbout: sz(app.url) }),
      ...(app.location === undefined ? {} : { InstallLocation: sz(app.location) }),
      ...(app.comments === undefined ? {} : { Comments: sz(app.comments) }),
      UninstallString: expand(`"%ProgramFiles%\\${app.key}\\uninstall.exe"`),
      EstimatedSize: dword(5632),
    };
  }
  return keys;
}

/** Packages of Component Based Servicing; 0x70 is installed, 0x50 superseded. */
function servicing(r: Release): RegKeys {
  const key = 'Microsoft\\Windows\\CurrentVersion\\Component Based Servicing';
  const version = `${r.major}.${r.minor}.1.0`;
  const packageOf = (kb: string): string => `Package_for_${kb}~31bf3856ad364e35~${r.arch}~~${version}`;
  const time = filetime(r.installed + 86400);
  const state = (current: number): Record<string, RegValue> => ({
    CurrentState: dword(current),
    InstallClient: sz('WindowsUpdateAgent'),
    InstallTimeHigh: dword(Number(time >> 32n)),
    InstallTimeLow: dword(Number(time & 0xffffffffn)),
    Visibility: dword(1),
  });
  const keys: Record<string, Record<string, RegValue>> = { [key]: { Version: dword(1) } };
  for (const kb of HOTFIXES) keys[`${key}\\Packages\\${packageOf(kb)}`] = state(0x70);
  keys[`${key}\\Packages\\${packageOf('KB0000001')}`] = state(0x40);
  if (r.pendingReboot === true) {
    keys[`${key}\\RebootPending`] = {};
    keys[`${key}\\PackagesPending\\${packageOf('KB5039999')}`] = {};
    keys['Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired'] = {
      '8b4b2b1b-0000-4e2b-9d5f-0123456789ab': dword(1),
    };
  }
  return keys;
}

/** What a domain leaves behind when its policies were applied. */
function groupPolicy(r: Release): RegKeys {
  const key = 'Microsoft\\Windows\\CurrentVersion\\Group Policy';
  if (r.groupPolicy !== true) return { [`${key}\\History`]: {} };
  return {
    [`${key}\\DataStore\\Machine\\0`]: { Options: dword(0) },
    [`${key}\\History\\{35378EAC-683F-11D2-A89A-00C04FBBCFA2}\\0`]: {
      DisplayName: sz('Default Domain Policy'),
      GPOName: sz('{31B2F340-016D-11D2-945F-00C04FB984F9}'),
      DSPath: sz(
        'LDAP://CN=Machine,CN={31B2F340-016D-11D2-945F-00C04FB984F9},CN=Policies,CN=System,DC=corp,DC=example,DC=com',
      ),
    },
    'Policies\\Microsoft\\Windows\\DeviceInstall\\Restrictions': { DenyUnspecified: dword(0) },
  };
}

/** AppX packages from Windows 8 on. */
function storeApplications(r: Release): RegKeys {
  if (!atLeast(r, 6, 2) || r.installationType !== 'Client') return {};
  const arch = r.arch === 'amd64' ? 'x64' : r.arch;
  const full = `Microsoft.WindowsCalculator_11.2401.0.0_${arch}__8wekyb3d8bbwe`;
  return {
    [`Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore\\Applications\\${full}`]: {
      Path: sz(`C:\\Program Files\\WindowsApps\\${full}\\AppxManifest.xml`),
    },
    'Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore': { Padding: binary(0), Users: multi(MACHINE_SID) },
  };
}
