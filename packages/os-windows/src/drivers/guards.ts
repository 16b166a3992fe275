import type { RegistryEditor } from '../volume/registry-editor.js';
import type { WindowsVolume } from '../volume/windows-volume.js';
import type { GuestWindows } from './guest-windows.js';

const RESTRICTIONS = 'Policies\\Microsoft\\Windows\\DeviceInstall\\Restrictions';
const SERVICING = 'Microsoft\\Windows\\CurrentVersion\\Component Based Servicing';
/** Start types below this one run without being asked for. */
const DEMAND = 3;

/** Services of programs that are known to keep new boot drivers from loading, or to stop a machine whose hardware changes. */
const BLOCKERS: Readonly<Record<string, string>> = {
  mfehidk: 'McAfee',
  mfeelamk: 'McAfee',
  symevent: 'Symantec',
  symelam: 'Symantec',
  klif: 'Kaspersky',
  klelam: 'Kaspersky',
  tmcomm: 'Trend Micro',
  csagent: 'CrowdStrike Falcon',
  sentinelmonitor: 'SentinelOne',
  savonaccess: 'Sophos',
  sophosel: 'Sophos',
  cyverak: 'Cortex XDR',
  carbonblackk: 'Carbon Black',
};

/** What speaks against adding boot drivers, as warnings. */
export async function checkGuest(
  volume: WindowsVolume,
  system: RegistryEditor,
  software: RegistryEditor,
  facts: GuestWindows,
): Promise<string[]> {
  return [
    ...(await pendingWork(volume, system, software, facts)),
    ...(await policies(volume, software)),
    ...(await blockers(system, facts)),
  ];
}

async function pendingWork(
  volume: WindowsVolume,
  system: RegistryEditor,
  software: RegistryEditor,
  facts: GuestWindows,
): Promise<string[]> {
  const warnings: string[] = [];
  const isServicing =
    (await volume.isFile(`${volume.systemRoot}/WinSxS/pending.xml`)) ||
    (await software.hasKey(`${SERVICING}\\RebootPending`));
  if (isServicing) {
    warnings.push('updates wait for a restart: they may replace what is written now; restart Windows once before');
  }
  const manager = `${facts.controlSet}\\Control\\Session Manager`;
  const renames = await system.data(manager, 'PendingFileRenameOperations');
  if (Array.isArray(renames) && renames.length > 0) warnings.push('files wait for a restart to be replaced');
  return warnings;
}

async function policies(volume: WindowsVolume, software: RegistryEditor): Promise<string[]> {
  const warnings: string[] = [];
  for (const name of ['DenyUnspecified', 'DenyDeviceIDs', 'DenyDeviceClasses']) {
    if ((await software.data(RESTRICTIONS, name)) === 1) {
      warnings.push(`group policy restricts the installation of devices (${name})`);
    }
  }
  const integrity = `${volume.systemRoot}/System32/CodeIntegrity`;
  const isEnforced =
    (await volume.isFile(`${integrity}/SIPolicy.p7b`)) ||
    (await volume.list(`${integrity}/CIPolicies/Active`)).length > 0;
  if (isEnforced) warnings.push('a code integrity policy decides which drivers load');
  return warnings;
}

async function blockers(system: RegistryEditor, facts: GuestWindows): Promise<string[]> {
  const found = new Set<string>();
  for (const [service, product] of Object.entries(BLOCKERS)) {
    const start = await system.data(`${facts.controlSet}\\Services\\${service}`, 'Start');
    if (typeof start === 'number' && start < DEMAND) found.add(product);
  }
  return [...found].map((product) => `${product} may keep new boot drivers from loading (stop code 0x7B)`);
}
