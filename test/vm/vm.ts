import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';

/** What a virtual machine gets. */
export interface VmOptions {
  /** Raw images, which become /dev/vda, /dev/vdb … and keep what is written. */
  readonly disks?: readonly string[];
  /** Folders of the host that the machine may write, at the same path. Everything else of the host is there, read-only. */
  readonly shares?: readonly string[];
  /** Kernel modules besides nbd, dm-mod and loop. */
  readonly modules?: readonly string[];
  /** Mebibytes. */
  readonly memory?: number;
  /** The machine is ended after this long. */
  readonly seconds?: number;
  /** Variables of the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How a script ended. */
export interface VmResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Status of `run-in-vm.sh` when the machine itself failed. */
const VM_FAILED = 125;

/** Whether a kernel can be booted here. */
export const hasVm = (...more: string[]): boolean =>
  requireTools('qemu-system-x86_64', 'busybox', 'cpio', 'python3', 'modprobe', 'root', 'data:/boot', ...more);

/**
 * Run a script of bash as root under Debian's kernel in an emulated machine, on the files of this one: what needs device mapper, nbd
 * or a file system that the kernel of a build machine lacks. A machine takes 4 s to start on an idle host, and each program in it
 * 0.2 s, so put everything that a suite needs into one script.
 * @throws Error when the machine fails; the script's own failure is its status
 */
export async function inVm(script: string, options: VmOptions = {}): Promise<VmResult> {
  const { disks = [], shares = [], modules = [], memory = 1024, seconds = 600, env = {} } = options;
  const args = [
    ...['-m', String(memory), '-t', String(seconds)],
    ...disks.flatMap((disk) => ['-d', disk]),
    ...shares.flatMap((share) => ['-s', share]),
    ...(modules.length === 0 ? [] : ['-M', modules.join(' ')]),
    ...Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]),
    ...['bash', '-c', script],
  ];
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-vm-'));
  try {
    // Files, not pipes: Node's pipes are sockets, which qemu does not take for the output of a character device.
    const [out, err] = ['out', 'err'].map((name) => openSync(join(folder, name), 'a')) as [number, number];
    const child = spawn(join(import.meta.dirname, 'run-in-vm.sh'), args, { stdio: ['ignore', out, err] });
    const status = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? VM_FAILED));
    });
    for (const file of [out, err]) closeSync(file);
    const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
    if (status === VM_FAILED) throw new Error(`the virtual machine failed: ${text('err')}`);
    return { status, stdout: text('out'), stderr: text('err') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The kernel's driver of NTFS for insmod, built once for the kernel that is booted here. Undefined where the packages linux-source and
 * linux-headers are not installed, which it is built from.
 */
export function ntfs3Module(): string | undefined {
  const sources = readdirSync('/usr/src').some((name) => /^linux-source-.*\.tar\.xz$/.test(name));
  if (!sources) return undefined;
  return execFileSync(join(import.meta.dirname, 'ntfs3.sh'), { encoding: 'utf8' }).trim();
}

/** What a script printed after each line `== NAME`. */
export function sections(text: string): ReadonlyMap<string, string> {
  const parts = text.split(/^== (.*)\n/m).slice(1);
  const found = new Map<string, string>();
  for (let i = 0; i < parts.length; i += 2) found.set(parts[i]!, parts[i + 1] ?? '');
  return found;
}
