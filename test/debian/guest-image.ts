import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
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
  'flock',
];

/** The root file system's partition on the guest's disk. */
export const ROOT_PARTITION = { device: '/dev/sda3', uuid: '6b1f1a1e-0c5d-4d53-9e0a-2f7d0f4b1c01' } as const;

/** Where the guest lies when it is built. Never write to it. */
export const GUEST_IMAGE = join(cache, 'guest.raw');

/** Builds unless the stamp has the recipe's hash. Arguments: recipe, image, stamp, hash, unpacked system. */
const BUILD =
  '[ "$(cat "$3" 2>/dev/null)" = "$4" ] && [ -e "$2" ] || { rm -f "$5"; "$1" "$2" >&2 && printf %s "$4" >"$3"; }';

/** The Debian guest as a raw image; built once and kept until its recipe changes. Test files that run at the same time wait for one. */
export async function debianGuest(): Promise<string> {
  const recipe = join(here, 'build-guest.sh');
  const hash = createHash('sha256').update(readFileSync(recipe)).digest('hex');
  mkdirSync(cache, { recursive: true });
  const files = [recipe, GUEST_IMAGE, join(cache, 'guest.recipe'), hash, join(cache, 'guest.root.tar')];
  await run('flock', [join(cache, 'lock'), 'sh', '-c', BUILD, 'build', ...files], { maxBuffer: 64 << 20 });
  return GUEST_IMAGE;
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
export async function guestAs(form: string, folder: string): Promise<string> {
  const { format, options } = FORMS[form] as { format: string; options: readonly string[] };
  const image = join(folder, `guest.${format}`);
  await run('qemu-img', ['convert', '-f', 'raw', '-O', format, ...options, await debianGuest(), image]);
  return image;
}

/** An empty qcow2 overlay on the raw guest; the guest is linked into the folder, as backing files must lie there. */
export function overlayOn(base: string, folder: string, name = 'overlay.qcow2'): string {
  const image = join(folder, name);
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', base, image]);
  return image;
}
