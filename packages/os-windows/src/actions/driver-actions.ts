import { arg, Bool, defineAction, FileIn, Int, Key, PlainString, plainValue, StringList } from '@vmcraft/core/guest';
import type { InjectionResult, InjectOptions } from '../drivers/inject.js';
import type { FirstBootScript } from '../firstboot/firstboot.js';
import type { BootPreparation } from '../prepare/prepare-boot.js';
import type { StartType } from '../services/set-service.js';
import type { BootReport } from '../verify/verify-drivers.js';

const theme = 'windows';
const since = '0.2.0';
const options = { allowunsigned: Bool, disableformer: Bool } as const;

/** Options of the library from those of the actions. */
function injectOptions(given: {
  readonly allowunsigned?: boolean | undefined;
  readonly disableformer?: boolean | undefined;
}): InjectOptions {
  return { allowUnsigned: given.allowunsigned === true, disableFormerDrivers: given.disableformer === true };
}

/** Drivers, services, passwords and first-boot scripts of a Windows guest that is mounted at `/`. */
export const driverActions = [
  defineAction({
    name: 'inject_driver',
    theme,
    since,
    args: [arg('directory', PlainString)],
    options: { inf: PlainString, ...options },
    returns: plainValue<InjectionResult>('packages, files and registry values'),
    doc: 'Put the driver packages of a folder of the host into the mounted Windows, so that it can boot from their devices: files, services, driver database. `inf` names one of several INFs. Everything is checked before anything is written; when writing fails, what was written is taken back. A 64-bit Windows gets no package without catalog unless `allowunsigned`. `disableformer` switches off the drivers of VMware, Xen, Parallels and VirtualBox. Returns what was copied and written.',
    run: async (g, directory, given) => {
      const { injectDriver } = await import('../drivers/inject-folder.js');
      return injectDriver(g, directory, given.inf, injectOptions(given));
    },
  }),
  defineAction({
    name: 'inject_virtio',
    theme,
    since,
    args: [arg('path', PlainString)],
    options: { drivers: StringList(PlainString), ...options },
    returns: plainValue<InjectionResult>('packages, files and registry values'),
    doc: 'Put those drivers of a virtio-win tree into the mounted Windows that suit its version and processor. `path` is a folder of the host, or an image such as `virtio-win.iso`; `drivers` names some of them, such as `viostor`. Otherwise as `inject_driver`.',
    run: async (g, path, given) => {
      const { injectVirtio } = await import('../drivers/inject-virtio.js');
      const drivers = given.drivers === undefined ? {} : { drivers: given.drivers };
      return injectVirtio(g, path, { ...injectOptions(given), ...drivers });
    },
  }),
  defineAction({
    name: 'verify_drivers',
    theme,
    since,
    args: [],
    returns: plainValue<BootReport>('buses with their links'),
    doc: 'Prove, without starting it, from which buses the mounted Windows boots: for ide, sata, virtio-blk, virtio-scsi and nvme every link from the hardware id to service, file, start type and catalog is followed, and what is missing is named. Writes nothing.',
    run: async (g) => (await import('../verify/verify-drivers.js')).verifyDrivers(g),
  }),
  defineAction({
    name: 'prepare_boot',
    theme,
    since,
    args: [],
    options: {
      all: Bool,
      stayonerror: Bool,
      disableformer: Bool,
      onlinedisks: Bool,
      installdrivers: Bool,
      fallbackloader: Bool,
      showconsole: Bool,
      heads: Int,
    },
    returns: plainValue<BootPreparation>('files, registry values and boot entries'),
    doc: "Prepare the mounted Windows to start on another hypervisor; each step is done only when it is asked for. `stayonerror`: a stop error stays on the screen. `disableformer`: drivers of VMware, Xen, Parallels and VirtualBox are switched off and taken out of class filters. `onlinedisks`: disks on a bus that Windows has not seen come online. `installdrivers`: at the next boot pnputil installs the injected packages. `fallbackloader`: the loader that UEFI starts without boot entries (`EFI\\BOOT\\BOOTX64.EFI`) becomes Windows' boot manager. `showconsole`: the default boot entry uses graphics again. `heads`: number of heads in the boot sector, by which Windows XP and 2003 start. `all`: all of these but `heads`, as far as this Windows has a place for them. Returns what was changed.",
    run: async (g, given) => {
      const { prepareBoot } = await import('../prepare/prepare-boot.js');
      return prepareBoot(g, {
        all: given.all === true,
        stayOnError: given.stayonerror === true,
        disableFormerDrivers: given.disableformer === true,
        onlineDisks: given.onlinedisks === true,
        installDrivers: given.installdrivers === true,
        fallbackLoader: given.fallbackloader === true,
        showConsole: given.showconsole === true,
        ...(given.heads === undefined ? {} : { heads: given.heads }),
      });
    },
  }),
  defineAction({
    name: 'firstboot',
    theme,
    since,
    args: [arg('script', FileIn)],
    options: { name: PlainString },
    returns: plainValue<FirstBootScript>('where script and log lie'),
    doc: 'Have a batch file (`.cmd`, `.bat`) or PowerShell script (`.ps1`) of the host run once at the next boot of the mounted Windows, as LocalSystem, with its output in a log. Several scripts run in the order in which they were added. `name` is needed where the script is no file.',
    run: async (g, script, given) => {
      const { firstBoot } = await import('../firstboot/firstboot.js');
      return firstBoot(g, script, given.name === undefined ? {} : { name: given.name });
    },
  }),
  defineAction({
    name: 'reset_password',
    theme,
    since,
    args: [arg('user', PlainString)],
    options: { password: Key, nthash: Key, keeplocked: Bool },
    returns: 'void',
    doc: 'Set the password of a local account of the mounted Windows: to `password`, to the one with the NT hash `nthash` (32 hexadecimal digits), or, without either, take it away. The account is enabled and unlocked too unless `keeplocked`. What Windows enciphered with the old password (EFS, DPAPI) is lost to the account.',
    run: async (g, user, { password, nthash, keeplocked }) => {
      const { resetPassword } = await import('../sam/reset-password.js');
      await resetPassword(g, user, {
        unlock: keeplocked !== true,
        ...(password === undefined ? {} : { password }),
        ...(nthash === undefined ? {} : { ntHash: nthash }),
      });
    },
  }),
  defineAction({
    name: 'set_service',
    theme,
    since,
    args: [arg('name', PlainString), arg('start', PlainString)],
    returns: 'void',
    doc: 'Change when a service or driver of the mounted Windows starts: `boot`, `system`, `auto`, `demand`, `disabled`, `delayed-auto`, or a number from 0 to 4. A StartOverride that would change it again goes.',
    run: async (g, name, start) => {
      const { setService } = await import('../services/set-service.js');
      await setService(g, name, start as StartType);
    },
  }),
] as const;
