import { constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { Availability } from '@vmcraft/core';
import { can, findProgram } from './host-tools.js';

/** How the helper runs: with the rights of root, or with those of root in a user namespace. */
export type HelperMode = 'root' | 'user';

/** How a device is attached here. */
export type AttachWay = 'nbd' | 'fuse';

/** What the helper needs, found. */
export interface HostMeans {
  readonly mode: HelperMode;
  /** Whether it needs a user namespace of its own: root of a container is in one already. */
  readonly makesUsers: boolean;
  readonly python: string;
  readonly unshare: string;
  readonly storageDaemon: string | undefined;
  readonly way: AttachWay;
}

/** capabilities(7) */
const CAP_SYS_ADMIN = 21n;
const PYTHON = 'install python3';
const QEMU = 'install qemu-system-common (Debian: it has qemu-storage-daemon), or load the kernel module nbd';

/** What this host has of it, or why that is not enough. */
export async function hostMeans(): Promise<HostMeans | { readonly lack: string; readonly remedy?: string }> {
  if (process.platform !== 'linux') return { lack: 'it needs Linux' };
  const mode = await helperMode();
  const isRoot = process.getuid?.() === 0;
  const [python, unshare, storageDaemon] = await Promise.all(
    ['python3', 'unshare', 'qemu-storage-daemon'].map(findProgram),
  );
  if (python === undefined) return { lack: 'python3 is not installed', remedy: PYTHON };
  if (unshare === undefined) return { lack: 'unshare is not installed', remedy: 'install util-linux' };
  const rightsLack = isRoot ? await capabilityLack() : await userNamespaceLack();
  if (rightsLack !== undefined) return rightsLack;
  const makesUsers = !isRoot;
  if (mode === 'root' && (await hasKernelNbd()))
    return { mode, makesUsers, python, unshare, storageDaemon, way: 'nbd' };
  if (storageDaemon === undefined) return { lack: 'neither kernel nbd nor qemu-storage-daemon', remedy: QEMU };
  if (!(await can('/dev/fuse', constants.R_OK | constants.W_OK))) return { lack: '/dev/fuse cannot be opened' };
  if (mode === 'root' && !(await can('/dev/loop-control'))) return { lack: 'this kernel has no loop devices' };
  return { mode, makesUsers, python, unshare, storageDaemon, way: 'fuse' };
}

/** Root of a user namespace, as in a container that an ordinary user started, is no root of this host (user_namespaces(7)). */
export async function helperMode(): Promise<HelperMode> {
  if (process.getuid?.() !== 0) return 'user';
  const map = await readFile('/proc/self/uid_map', 'utf8').catch(() => '');
  return /^\s*0\s+0\s+4294967295\s*$/.test(map) ? 'root' : 'user';
}

/** What root of a container often lacks. */
async function capabilityLack(): Promise<{ readonly lack: string; readonly remedy: string } | undefined> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const [, effective = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  if (((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n) return undefined;
  return {
    lack: 'root may not mount here: it lacks CAP_SYS_ADMIN, as in a container',
    remedy: 'give the container --cap-add SYS_ADMIN and --device /dev/fuse',
  };
}

/** Only a module that is loaded counts: loading one is the administrator's decision. */
const hasKernelNbd = (): Promise<boolean> => can('/sys/block/nbd0');

/** Without root a user namespace with a range of ids is needed, or files of other users could not be written. */
async function userNamespaceLack(): Promise<{ readonly lack: string; readonly remedy?: string } | undefined> {
  if ((await findProgram('newuidmap')) === undefined)
    return { lack: 'without root it needs newuidmap', remedy: 'install uidmap' };
  const uid = process.getuid?.() ?? 0;
  const username = nameOf(uid);
  if (username === undefined) return { lack: `without root it needs an entry in /etc/passwd for user ${uid}` };
  const ids = await readFile('/etc/subuid', 'utf8').catch(() => '');
  if (!ids.split('\n').some((line) => line.startsWith(`${username}:`) || line.startsWith(`${uid}:`)))
    return { lack: `without root it needs a range of ids for ${username}`, remedy: 'see subuid(5)' };
  const allowed = await readFile('/proc/sys/user/max_user_namespaces', 'utf8').catch(() => '1');
  const debian = await readFile('/proc/sys/kernel/unprivileged_userns_clone', 'utf8').catch(() => '1');
  if (Number(allowed) === 0 || Number(debian) === 0)
    return { lack: 'without root it needs user namespaces, which this host forbids' };
  return undefined;
}

/** Containers often run as a number that has no name; newuidmap does not serve it. */
function nameOf(uid: number): string | undefined {
  try {
    const user = userInfo();
    return user.uid === uid ? user.username : undefined;
  } catch {
    return undefined;
  }
}

/** As an availability. */
export async function hostAvailability(): Promise<Availability> {
  const means = await hostMeans();
  if ('lack' in means)
    return { available: false, reason: means.lack, ...(means.remedy === undefined ? {} : { remedy: means.remedy }) };
  const by = means.way === 'nbd' ? 'kernel nbd' : 'qemu-storage-daemon';
  return { available: true, detail: `${by}, ${means.mode === 'root' ? 'as root' : 'in a user namespace'}` };
}
