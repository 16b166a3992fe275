import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { catalogOf } from './look-alike/catalog-file.js';
import { portableExecutable } from './look-alike/machine-code.js';
import type { WindowsArch } from './look-alike/releases.js';

const samples = join(dirname(fileURLToPath(import.meta.url)), '../../packages/os-windows/test/samples');

/** Folders of releases as virtio-win has them, and the processors that each has drivers for. */
const RELEASES: Readonly<Record<string, readonly WindowsArch[]>> = {
  w7: ['x86', 'amd64'],
  '2k8R2': ['amd64'],
  w8: ['x86', 'amd64'],
  '2k12': ['amd64'],
  'w8.1': ['x86', 'amd64'],
  '2k12R2': ['amd64'],
  w10: ['x86', 'amd64', 'arm64'],
  w11: ['amd64', 'arm64'],
  '2k16': ['amd64'],
  '2k19': ['amd64'],
  '2k22': ['amd64'],
  '2k25': ['amd64'],
};
/** Folder of a driver, and its files. */
const DRIVERS: Readonly<Record<string, string>> = { viostor: 'viostor', vioscsi: 'vioscsi', NetKVM: 'netkvm' };
/** Processors as virtio-win writes their folders. */
const FOLDER: Readonly<Record<WindowsArch, string>> = { x86: 'x86', amd64: 'amd64', arm64: 'ARM64' };

/** Write one driver package. */
export function writePackage(folder: string, name: string, arch: WindowsArch, label = 'sample'): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.inf`), readFileSync(join(samples, `${name}.inf`)));
  writeFileSync(join(folder, `${name}.sys`), portableExecutable(arch, 'native', `${name}.sys ${label}`));
  signPackage(folder, name);
  writeFileSync(join(folder, `${name}.pdb`), 'symbols');
}

/** Write the catalog of a package anew, for its files as they are now. */
export function signPackage(folder: string, name: string): void {
  const members = ['inf', 'sys'].map((end) => ({
    file: `${name}.${end}`,
    bytes: readFileSync(join(folder, `${name}.${end}`)),
  }));
  writeFileSync(join(folder, `${name}.cat`), catalogOf(members));
}

/** A tree of drivers laid out as virtio-win is. */
export function writeVirtioTree(folder: string): void {
  for (const [driver, name] of Object.entries(DRIVERS)) {
    for (const [release, archs] of Object.entries(RELEASES)) {
      for (const arch of archs) writePackage(join(folder, driver, release, FOLDER[arch]), name, arch, release);
    }
  }
  mkdirSync(join(folder, 'guest-agent'), { recursive: true });
  writeFileSync(join(folder, 'guest-agent/qemu-ga-x86_64.msi'), 'no driver');
}
