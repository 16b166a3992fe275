import type { Command } from 'commander';
import type { TaskBuilder } from './program.js';
import { registryOptions } from './registry-operations.js';

const collect = (value: string, all: string[]): string[] => [...all, value];

/** Options of the tasks that inject drivers. */
function injectionOptions(c: Command): void {
  c.option('--allow-unsigned', 'take packages without catalog for a 64-bit Windows too');
  c.option('--disable-former', 'switch off the drivers of VMware, Xen, Parallels and VirtualBox');
}

function prepareBoot(tasks: TaskBuilder): void {
  tasks.disks(
    'prepare-boot DISK',
    'prepare a Windows guest to start on another hypervisor',
    0,
    (c) => {
      c.option('--stay-on-error', 'after a stop error Windows shows it instead of starting again');
      c.option('--disable-former', 'switch off the drivers of VMware, Xen, Parallels and VirtualBox');
      c.option('--online-disks', 'disks on a bus that Windows has not seen come online');
      c.option('--install-drivers', 'at the next boot pnputil installs the packages that were injected');
      c.option('--fallback-loader', 'UEFI: the loader that starts without boot entries is that of Windows');
      c.option('--show-console', 'the default boot entry uses graphics again');
      c.option('--heads <number>', 'heads in the boot sector, by which Windows XP and 2003 start');
      c.option('--all', 'all of these but --heads, as far as the guest has a place for them');
    },
    async (context, _words, o) => (await import('./prepare-boot.js')).prepareBootTask(context, o, o),
  );
}

/** Tasks for Windows guests. */
export function windowsTasks(tasks: TaskBuilder): void {
  tasks.disks(
    'registry DISK [HIVE]',
    'read and change the registry of a Windows guest, or run a shell on a hive',
    0,
    registryOptions,
    async (context, words, o) => (await import('./registry.js')).registryTask(context, o, words[0]),
  );
  tasks.disks(
    'inject-driver DISK FOLDER [INF]',
    'put driver packages of a folder into a Windows guest, so that it boots from their devices',
    1,
    injectionOptions,
    async (context, words, o) =>
      (await import('./windows.js')).injectDriverTask(context, o, words[0]!, words[1], injectOptions(o)),
  );
  tasks.disks(
    'inject-virtio DISK FOLDER-OR-ISO',
    'put the drivers of virtio-win that suit a Windows guest into it',
    1,
    (c) => {
      injectionOptions(c);
      c.option('--driver <name>', 'only this driver: viostor, vioscsi, netkvm … (may be given again)', collect, []);
    },
    async (context, words, o) =>
      (await import('./windows.js')).injectVirtioTask(context, o, words[0]!, {
        ...injectOptions(o),
        ...((o.driver as string[]).length === 0 ? {} : { drivers: o.driver as string[] }),
      }),
  );
  prepareBoot(tasks);
  tasks.disks(
    'firstboot DISK SCRIPT...',
    'have scripts run once when a Windows guest boots next',
    1,
    () => {},
    async (context, words, o) => (await import('./windows.js')).firstBootTask(context, o, words),
  );
  tasks.disks(
    'reset-password DISK USER',
    'set or take away the password of a local account of a Windows guest',
    1,
    (c) => {
      c.option('--password-file <file>', 'file with the new password (default: the account has none)');
      c.option('--nt-hash-file <file>', 'file with the NT hash of the new password');
      c.option('--keep-locked', 'leave a disabled or locked account as it is');
    },
    async (context, words, o) =>
      (await import('./windows.js')).resetPasswordTask(context, o, words[0]!, {
        keepLocked: o.keepLocked === true,
        ...(o.passwordFile === undefined ? {} : { passwordFile: o.passwordFile as string }),
        ...(o.ntHashFile === undefined ? {} : { ntHashFile: o.ntHashFile as string }),
      }),
  );
  tasks.disks(
    'set-service DISK NAME START',
    'change when a service or driver of a Windows guest starts',
    2,
    () => {},
    async (context, words, o) => (await import('./windows.js')).setServiceTask(context, o, words[0]!, words[1]!),
  );
}

function injectOptions(o: Record<string, unknown>): { allowunsigned: boolean; disableformer: boolean } {
  return { allowunsigned: o.allowUnsigned === true, disableformer: o.disableFormer === true };
}
