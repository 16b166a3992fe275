import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const cache = join(here, '../../.cache/debian');

/** What building the guest needs. */
export const GUEST_NEEDS = [
  'root',
  'debootstrap',
  'sgdisk',
  'mkfs.fat',
  'mcopy',
  'grub-install',
  'qemu-img',
  'setfattr',
  'setcap',
];

/** The root file system's partition on the guest's disk. */
export const ROOT_PARTITION = { device: '/dev/sda3', uuid: '6b1f1a1e-0c5d-4d53-9e0a-2f7d0f4b1c01' } as const;

/** The Debian guest as a raw image; built once and kept until its recipe changes. Never write to it. */
export function debianGuest(): string {
  const recipe = join(here, 'build-guest.sh');
  const image = join(cache, 'guest.raw');
  const stamp = join(cache, 'guest.recipe');
  const hash = createHash('sha256').update(readFileSync(recipe)).digest('hex');
  if (existsSync(image) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return image;
  mkdirSync(cache, { recursive: true });
  rmSync(join(cache, 'guest.root.tar'), { force: true });
  execFileSync(recipe, [image], { stdio: ['ignore', 'ignore', 'inherit'] });
  writeFileSync(stamp, hash);
  return image;
}

/** Forms in which qemu-img writes the guest, by the name of the test. */
export const FORMS: Readonly<Record<string, { readonly format: string; readonly options: readonly string[] }>> = {
  raw: { format: 'raw', options: [] },
  qcow2: { format: 'qcow2', options: [] },
  'qcow2, compressed': { format: 'qcow2', options: ['-c'] },
  'qcow2, zstd': { format: 'qcow2', options: ['-c', '-o', 'compression_type=zstd'] },
  'vmdk, monolithicSparse': { format: 'vmdk', options: ['-o', 'subformat=monolithicSparse'] },
  'vmdk, twoGbMaxExtentSparse': { format: 'vmdk', options: ['-o', 'subformat=twoGbMaxExtentSparse'] },
  'vmdk, streamOptimized': { format: 'vmdk', options: ['-o', 'subformat=streamOptimized'] },
  vhd: { format: 'vpc', options: ['-o', 'force_size=on'] },
  vhdx: { format: 'vhdx', options: [] },
  vdi: { format: 'vdi', options: [] },
};

/** The guest in one of {@link FORMS}, made in `folder`. */
export function guestAs(form: string, folder: string): string {
  const { format, options } = FORMS[form] as { format: string; options: readonly string[] };
  const image = join(folder, `guest.${format}`);
  execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', format, ...options, debianGuest(), image]);
  return image;
}

/** An empty qcow2 overlay on the raw guest; the guest is linked into the folder, as backing files must lie there. */
export function overlayOn(base: string, folder: string, name = 'overlay.qcow2'): string {
  const image = join(folder, name);
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', base, image]);
  return image;
}
