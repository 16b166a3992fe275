import { CapabilityError } from '@vmcraft/core/errors';
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

/**
 * What speaks against adding boot drivers.
 * @returns warnings
 * @throws CapabilityError (`VMC_READ_ONLY`) for a volume that is hibernated
 */
export async function checkGuest(
  volume: WindowsVolume,
  system: RegistryEditor,
  software: RegistryEditor,
  facts: GuestWindows,
): Promise<string[]> {
  await refuseHibernated(volume);
  volume.requireWritable();
  return [
    ...(await pendingWork(volume, system, software, facts)),
    ...(await policies(volume, software)),
    ...(await blockers(system, facts)),
  ];
}

/** hiberfil.sys begins with `hibr` or `HIBR` when a session waits in it, `wake` when it was resumed. */
async function refuseHibernated(volume: WindowsVolume): Promise<void> {
  const head = await volume.head('/hiberfil.sys', 4);
  const signature = String.fromCharCode(...(head ?? [])).toLowerCase();
  const isWritable = !volume.g.vfs.root.mount.readonly && !volume.g.vfs.root.mount.fs.readonly;
  if (signature !== 'hibr') return;
  if (isWritable) return;
  const reason =
    'Windows is hibernated or was shut down by fast startup; start it and shut it down with `shutdown /s /f /t 0`';
  throw CapabilityError.readOnly('the Windows volume', reason);
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
