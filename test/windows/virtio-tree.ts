import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
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

/** The DER head of PKCS #7 signed data, then what tells catalogs apart. */
function catalog(text: string): Uint8Array {
  const oid = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
  const body = Buffer.from([...oid, ...Buffer.from(text)]);
  return Buffer.concat([Buffer.from([0x30, 0x82, body.length >> 8, body.length & 0xff]), body]);
}

/** Write one driver package. */
export function writePackage(folder: string, name: string, arch: WindowsArch, label = 'sample'): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.inf`), readFileSync(join(samples, `${name}.inf`)));
  writeFileSync(join(folder, `${name}.sys`), portableExecutable(arch, 'native', `${name}.sys ${label}`));
  writeFileSync(join(folder, `${name}.cat`), catalog(`${name} ${arch} ${label}`));
  writeFileSync(join(folder, `${name}.pdb`), 'symbols');
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
