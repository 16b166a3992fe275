import { UsageError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import { disableFormerDrivers } from '../drivers/former-hypervisor.js';
import { openInjectionTarget } from '../drivers/inject.js';
import { firstBoot } from '../firstboot/firstboot.js';
import type { RegistryChange } from '../volume/registry-editor.js';
import { setHeads } from './boot-sector.js';
import { writeFallbackLoader } from './fallback-loader.js';
import { showBootConsole } from './graphics-mode.js';
import { installDrivers } from './install-drivers.js';

/** partmgr's policy for disks that it has not seen before: bring them online (VDS_SP_ONLINE, "VDS_SAN_POLICY enumeration"). */
const ONLINE_ALL = 1;

/** What to prepare; each is done only when it is asked for. */
export interface PrepareBootOptions {
  /** All of these but `heads`, as far as this Windows has a place for them. */
  readonly all?: boolean;
  /** After a stop error Windows shows it instead of starting again. */
  readonly stayOnError?: boolean;
  /** Switch off the drivers of other hypervisors, and take them out of the filters of device classes. */
  readonly disableFormerDrivers?: boolean;
  /** Disks on a bus that Windows has not seen come online: Windows Server keeps them offline otherwise. */
  readonly onlineDisks?: boolean;
  /** At the next boot `pnputil` installs the driver packages that were injected. */
  readonly installDrivers?: boolean;
  /** UEFI: `EFI\BOOT\BOOT<arch>.EFI` becomes Windows' boot manager, for machines that know no boot entries. */
  readonly fallbackLoader?: boolean;
  /** The default boot entry shows what it does: element 16000046 of the boot configuration goes. */
  readonly showConsole?: boolean;
  /** Heads of the disk's geometry in the boot sector, 1 to 255: Windows XP and 2003 start by it. */
  readonly heads?: number;
}

/** What {@link prepareBoot} did. What was as wanted already is not in it. */
export interface BootPreparation {
  readonly windows: string;
  /** Files that were written, by file system and path, or path alone on the mounted volume. */
  readonly files: readonly string[];
  readonly registry: readonly RegistryChange[];
  /** Services of other hypervisors that were switched off. */
  readonly disabled: readonly string[];
  /** Boot entries that show their console again. */
  readonly bootEntries: readonly string[];
  /** Heads that the boot sector had before, when they were changed. */
  readonly headsBefore?: number;
}

/**
 * Prepare the mounted Windows to start on another hypervisor. Changes concern two file systems, so that an error after the first of them
 * is for the session to take back: it rolls back when the error leaves it.
 * @throws UsageError when nothing is asked for, or the guest has no place for it; CapabilityError, CorruptImageError, FsError
 */
export async function prepareBoot(g: Session, options: PrepareBootOptions): Promise<BootPreparation> {
  if (Object.values(options).every((value) => value === undefined || value === false)) {
    throw new UsageError('say what to prepare: nothing is done unless it is asked for', { action: 'prepare_boot' });
  }
  const { heads } = options;
  if (heads !== undefined && !(Number.isInteger(heads) && heads >= 1 && heads <= 255)) {
    throw new UsageError(`a disk has 1 to 255 heads, not ${heads}`, { argument: 'heads' });
  }
  const all = options.all === true;
  const wants = (step: Exclude<keyof PrepareBootOptions, 'heads'>): boolean => all || options[step] === true;
  const { facts, system } = await openInjectionTarget(g, 'prepare_boot');
  const { controlSet } = facts;
  if (wants('stayOnError')) await system.setDword(`${controlSet}\\Control\\CrashControl`, 'AutoReboot', 0);
  if (wants('onlineDisks')) {
    await system.setDword(`${controlSet}\\Services\\partmgr\\Parameters`, 'SanPolicy', ONLINE_ALL);
  }
  const disabled = wants('disableFormerDrivers') ? await disableFormerDrivers(system, facts, new Set()) : [];
  const files: string[] = [];
  if (wants('fallbackLoader')) files.push(...(await writeFallbackLoader(g, options.fallbackLoader === true)));
  // Before Windows Vista there is no boot configuration.
  const isShown = options.showConsole === true || (all && facts.major >= 6);
  const bootEntries = isShown ? await showBootConsole(g) : [];
  const headsBefore = heads === undefined ? undefined : await setHeads(g, heads);
  await system.commit();
  if (wants('installDrivers')) {
    files.push((await firstBoot(g, installDrivers(), { name: 'install-drivers.cmd' })).script);
  }
  const { changes } = system;
  return {
    windows: facts.productName,
    files,
    registry: changes,
    disabled,
    bootEntries,
    ...(headsBefore === undefined ? {} : { headsBefore }),
  };
}
