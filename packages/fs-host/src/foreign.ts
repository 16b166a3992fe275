import { constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { CapabilityError, encodeUtf8, type FileSystem } from '@vmcraft/core';
import { elfMachine, runsHere } from './elf.js';
import { findInGuest } from './guest-files.js';
import { can } from './host-tools.js';

/** Since this version of Linux a user namespace has a table of formats of its own (binfmt_misc). */
const OWN_FORMATS = [6, 7] as const;

/** What a guest's programs are for, and how they run here. */
export interface GuestMachine {
  /** As uname(2) names it; empty when the guest has no shell to tell by. */
  readonly machine: string;
  /** The emulator of qemu-user-static that the helper must make known; empty when none is needed, or this host knows it already. */
  readonly emulate: string;
}

/** @throws CapabilityError when the guest's programs are for another processor, and nothing here emulates it */
export async function guestMachine(fs: FileSystem): Promise<GuestMachine> {
  const shell = await findInGuest(fs, ['bin', 'sh']);
  if (shell === undefined) return { machine: '', emulate: '' };
  const machine = elfMachine(await fs.read(shell, 0, 64).catch(() => encodeUtf8('')));
  if (machine === undefined || runsHere(machine)) return { machine: machine ?? '', emulate: '' };
  const handler = await readFile(`/proc/sys/fs/binfmt_misc/qemu-${machine}`, 'utf8').catch(() => '');
  if (/^enabled/m.test(handler) && /^flags:.*F/m.test(handler)) return { machine, emulate: '' };
  const isInstalled = await can(`/usr/lib/binfmt.d/qemu-${machine}.conf`, constants.R_OK);
  if (isInstalled && hasOwnFormats()) return { machine, emulate: machine };
  const remedy = isInstalled
    ? 'register qemu-user-static with this kernel: systemctl restart systemd-binfmt, or install binfmt-support'
    : 'install qemu-user-static, which runs such programs';
  const reason = `its programs are for ${machine}, this host is ${process.arch} (${remedy})`;
  throw new CapabilityError({ capability: 'exec', subject: 'the guest', reason });
}

function hasOwnFormats(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > OWN_FORMATS[0] || (major === OWN_FORMATS[0] && minor >= OWN_FORMATS[1]);
}
