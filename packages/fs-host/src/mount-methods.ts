import type { Availability } from '@vmcraft/core';
import { findProgram, kernelMounts } from './host-tools.js';

/** One way to mount a type. */
interface Method {
  /** Type for mount(2): the kernel does it, for root alone. */
  readonly kernel?: string;
  /** Options that the kernel always gets. */
  readonly options?: readonly string[];
  /** A FUSE driver: program and arguments; `%d` is the device, `%m` the directory. */
  readonly fuse?: readonly string[];
  /** Arguments of the FUSE driver for reading only. */
  readonly fuseReadonly?: readonly string[];
  /** The daemon of zfs-fuse imports a pool. */
  readonly pool?: string;
  /** Works on a file as well as on a device, and without root. */
  readonly unprivileged?: boolean;
  /** Debian package of the program. */
  readonly from?: string;
}

const FUSE_EXT: Method = {
  fuse: ['fuse2fs', '%d', '%m', '-f', '-o', 'rw,fakeroot'],
  fuseReadonly: ['fuse2fs', '%d', '%m', '-f', '-o', 'ro,fakeroot'],
  unprivileged: true,
  from: 'fuse2fs',
};
/** A superblock may say that an error should make the kernel panic. */
const CALM = 'errors=remount-ro';
const kernel = (type: string, ...options: string[]): Method => ({ kernel: type, options });

/** Ways to mount each type, best first. `nouuid`: the guest may be a copy of a system that this host has mounted. */
const METHODS: Readonly<Record<string, readonly Method[]>> = {
  ext2: [kernel('ext2', CALM), kernel('ext4', CALM), FUSE_EXT],
  ext3: [kernel('ext4', CALM), kernel('ext3', CALM), FUSE_EXT],
  ext4: [kernel('ext4', CALM), FUSE_EXT],
  xfs: [kernel('xfs', 'nouuid')],
  btrfs: [kernel('btrfs')],
  f2fs: [kernel('f2fs')],
  jfs: [kernel('jfs', CALM)],
  nilfs2: [kernel('nilfs2', CALM)],
  reiserfs: [kernel('reiserfs')],
  hfsplus: [kernel('hfsplus')],
  udf: [kernel('udf')],
  erofs: [kernel('erofs')],
  zfs_member: [{ pool: 'zfs-fuse', from: 'zfs-fuse' }],
  vfat: [
    kernel('vfat'),
    {
      fuse: ['fusefat', '-o', 'rw+', '-f', '%d', '%m'],
      fuseReadonly: ['fusefat', '-o', 'ro', '-f', '%d', '%m'],
      unprivileged: true,
      from: 'fusefat',
    },
  ],
  exfat: [
    kernel('exfat'),
    {
      fuse: ['mount.exfat-fuse', '-f', '-o', 'rw', '%d', '%m'],
      fuseReadonly: ['mount.exfat-fuse', '-f', '-o', 'ro', '%d', '%m'],
      from: 'exfat-fuse',
    },
  ],
  ntfs: [
    kernel('ntfs3'),
    {
      fuse: ['ntfs-3g', '-o', 'no_detach,no_def_opts,silent', '%d', '%m'],
      fuseReadonly: ['ntfs-3g', '-o', 'no_detach,no_def_opts,silent,ro', '%d', '%m'],
      unprivileged: true,
      from: 'ntfs-3g',
    },
  ],
};

/** Types that some host can mount. */
export const HOST_TYPES: readonly string[] = Object.keys(METHODS);

/** What the helper is told: mount(2)'s type and options, a daemon that imports pools, or a command. */
export type MountCommand =
  | { readonly type: string; readonly options: readonly string[] }
  | { readonly daemon: string }
  | { readonly command: readonly string[] };

/** How this host mounts a type; the reason where it does not. */
export async function mountCommand(
  type: string,
  readonly: boolean,
  root: boolean,
): Promise<MountCommand | { readonly lack: string; readonly remedy?: string }> {
  const lacks: string[] = [];
  let remedy: string | undefined;
  for (const method of METHODS[type] ?? []) {
    if (method.kernel !== undefined) {
      if (!root) lacks.push(`mounting ${method.kernel} by the kernel needs root`);
      else if (await kernelMounts(method.kernel)) return { type: method.kernel, options: method.options ?? [] };
      else lacks.push(`this kernel has no ${method.kernel}`);
      continue;
    }
    if (method.pool !== undefined && root) {
      const daemon = await findProgram(method.pool);
      if (daemon !== undefined) return { daemon };
    }
    const [name = method.pool ?? '', ...words] = (readonly ? method.fuseReadonly : method.fuse) ?? [];
    if (!root && method.unprivileged !== true) {
      lacks.push(`${name} needs root`);
      continue;
    }
    const program = await findProgram(name);
    if (program !== undefined) return { command: [program, ...words] };
    lacks.push(`${name} is not installed`);
    if (method.from !== undefined) remedy ??= `install ${method.from}`;
  }
  if (lacks.length === 0) lacks.push(`no way to mount ${type} is known`);
  return { lack: lacks.join(', '), ...(remedy === undefined ? {} : { remedy }) };
}

/** The same as an availability. */
export async function canMount(type: string, readonly: boolean, root: boolean): Promise<Availability> {
  const found = await mountCommand(type, readonly, root);
  if (!('lack' in found)) return { available: true };
  return { available: false, reason: found.lack, ...(found.remedy === undefined ? {} : { remedy: found.remedy }) };
}
