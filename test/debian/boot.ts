import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a boot needs. */
export const BOOT_NEEDS = ['qemu-system-x86_64', 'qemu-img'];

/** How a boot went. */
export interface Boot {
  /** Everything the guest printed on its serial console. */
  readonly console: string;
  readonly reached: boolean;
}

/** How to boot. */
export interface BootOptions {
  /** `efi` needs the package ovmf. */
  readonly firmware?: 'bios' | 'efi';
  readonly seconds?: number;
  /** Started by qemu itself, for an image without a boot loader: host paths and the kernel's command line. */
  readonly kernel?: { readonly kernel: string; readonly initrd: string; readonly append: string };
}

/**
 * Boot an image in qemu (TCG, nothing is written to it) until the console shows `pattern`.
 * @param format qemu's format name
 */
export async function bootUntil(
  image: string,
  format: string,
  pattern: RegExp,
  options: BootOptions = {},
): Promise<Boot> {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-boot-'));
  const log = join(folder, 'console');
  writeFileSync(log, '');
  const firmware = options.firmware === 'efi' ? efiArguments(folder) : [];
  const drive = `if=none,id=d,file=${image.replaceAll(',', ',,')},format=${format},snapshot=on,cache=unsafe`;
  const qemu = spawn(
    'qemu-system-x86_64',
    [
      '-M',
      'q35',
      '-accel',
      'tcg,thread=multi',
      '-smp',
      '2',
      '-m',
      '1024',
      '-nodefaults',
      '-display',
      'none',
      '-no-reboot',
      '-device',
      'virtio-rng-pci',
      '-drive',
      drive,
      '-device',
      'virtio-blk-pci,drive=d',
      '-serial',
      `file:${log}`,
      ...firmware,
      ...kernelArguments(options),
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = new Promise<void>((resolve) => qemu.once('exit', () => resolve()));
  const deadline = Date.now() + (options.seconds ?? 420) * 1000;
  let reached = false;
  while (!reached && qemu.exitCode === null && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    reached = pattern.test(readFileSync(log, 'latin1'));
  }
  qemu.kill('SIGKILL');
  await ended;
  const console = readFileSync(log, 'latin1');
  rmSync(folder, { recursive: true, force: true });
  return { console, reached };
}

function kernelArguments({ kernel: direct }: BootOptions): string[] {
  if (direct === undefined) return [];
  return ['-kernel', direct.kernel, '-initrd', direct.initrd, '-append', direct.append];
}

function efiArguments(folder: string): string[] {
  const variables = join(folder, 'vars.fd');
  copyFileSync('/usr/share/OVMF/OVMF_VARS.fd', variables);
  return [
    '-drive',
    'if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd',
    '-drive',
    `if=pflash,format=raw,file=${variables}`,
  ];
}
