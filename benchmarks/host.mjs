// What the numbers were measured on.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';

/** Absolute path of a program, or undefined when this host has none. */
export function findTool(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** Whether libguestfs can run its appliance on the processor itself. */
export function hasKvm() {
  try {
    // On hosts without virtualization the device may exist, but the processor flag does not.
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return /^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}

function versionOf(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
      .split('\n')[0]
      .trim();
  } catch {
    return undefined;
  }
}

/** Facts of this host, by what they are called in the report. */
export function hostFacts() {
  const guestfish = findTool('guestfish');
  const facts = {
    date: new Date().toISOString().slice(0, 10),
    system: `${process.platform} ${release()}, ${process.arch}`,
    'logical processors': String(cpus().length),
    processor: cpus()[0]?.model.trim() || 'unknown',
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    'load average at the start': loadavg()[0].toFixed(1),
    'Node.js': process.version,
    user: process.getuid?.() === 0 ? 'root' : 'not root: rows that need a kernel mount were left out',
    libguestfs:
      guestfish === undefined
        ? 'not installed: rows that need it were left out'
        : `${versionOf(guestfish, ['--version'])}, direct backend, ${hasKvm() ? 'KVM' : 'no KVM, so its appliance runs under TCG emulation; with KVM it starts several times faster'}`,
    sleuthkit: (findTool('fls') && versionOf('fls', ['-V'])) ?? 'not installed',
  };
  return facts;
}
