import type { BorrowedMount, FileSystem } from '../contracts/index.js';
import { FsError, messageOf, UsageError } from '../errors/index.js';
import type { Mount, Vfs } from '../vfs/index.js';
import type { OpenFilesystems } from './filesystems.js';
import { LoopDevice } from './loop-device.js';
import { type Mountable, parseMountable } from './mountable.js';
import type { PhaseClock } from './performance.js';

/** Options of mount(8) that the mount itself understands; the others go to the driver. */
const MOUNT_FLAGS = new Set([
  'async',
  'atime',
  'auto',
  'defaults',
  'dev',
  'diratime',
  'exec',
  'lazytime',
  'loud',
  'noatime',
  'noauto',
  'nodev',
  'nodiratime',
  'noexec',
  'nofail',
  'norelatime',
  'nostrictatime',
  'nosuid',
  'nouser',
  'relatime',
  'ro',
  'rw',
  'silent',
  'strictatime',
  'suid',
  'sync',
]);

/** What to mount and how. */
export interface GuestMountRequest {
  readonly mountable: string;
  readonly mountpoint: string;
  /** Comma-separated, as `mount -o`. */
  readonly options?: string;
  /** As `mount -t`. */
  readonly type?: string;
  /** Name of the only driver to consider. */
  readonly driver?: string;
}

/** What is mounted where, in terms of mountables. */
export class GuestMounts {
  constructor(
    private readonly vfs: Vfs,
    private readonly filesystems: OpenFilesystems,
    private readonly clock: PhaseClock,
  ) {}

  /** Whether anything is mounted, so that paths mean something. */
  get any(): boolean {
    return this.vfs.mounts.length > 0;
  }

  /** Mountables and where they are, in the order in which they were mounted. */
  list(): readonly { readonly source: string; readonly path: string }[] {
    return this.vfs.mounts.map((mount) => ({ source: mount.source, path: this.vfs.mountPath(mount) }));
  }

  /** The same with all that is needed to mount it again. */
  describe(): readonly BorrowedMount[] {
    return this.vfs.mounts.map((mount) => ({
      source: mount.source,
      path: this.vfs.mountPath(mount),
      readonly: mount.readonly,
      options: mount.options.filter((option) => option !== 'loop').join(','),
    }));
  }

  /** Open a file system without mounting it; its holder releases it. */
  acquire(mountable: string, readonly: boolean): Promise<FileSystem> {
    return this.filesystems.acquire({ mountable: this.#parse(mountable), readonly });
  }

  #parse(mountable: string): Mountable {
    return parseMountable(mountable);
  }

  /** mount(8). @throws FsError, NoProviderError, CorruptImageError … */
  async mount(request: GuestMountRequest): Promise<void> {
    await this.clock.time('mount', () => this.#mount(request));
  }

  async #mount({ mountable, mountpoint, options = '', type, driver }: GuestMountRequest): Promise<void> {
    if (!mountpoint.startsWith('/')) throw new UsageError('must be an absolute path', { argument: 'mountpoint' });
    const given = options.split(',').filter((o) => o !== '');
    const own = given.filter((o) => MOUNT_FLAGS.has(o));
    const forDriver = given.filter((o) => !MOUNT_FLAGS.has(o));
    const readonly = own.lastIndexOf('ro') > own.lastIndexOf('rw');
    const fs = await this.filesystems.acquire({
      mountable: this.#parse(mountable),
      readonly,
      mountOptions: forDriver,
      ...(type === undefined || type === '' || type === 'auto' ? {} : { type }),
      ...(driver === undefined ? {} : { driver }),
    });
    try {
      const isReadonly = readonly || fs.readonly;
      await this.vfs.mount(fs, mountpoint, {
        source: mountable,
        readonly: isReadonly,
        options: [isReadonly ? 'ro' : 'rw', ...given.filter((o) => o !== 'ro' && o !== 'rw')],
      });
    } catch (error) {
      await this.filesystems.release(fs);
      throw error;
    }
  }

  /** Mount the file system inside a file of the guest. */
  async mountLoop(file: string, mountpoint: string): Promise<void> {
    const opened = await this.vfs.open(file, 'mount_loop');
    const { path } = opened.location;
    const fs = await this.filesystems.acquireLoop(new LoopDevice(opened, path), `loop:${path}`);
    try {
      const readonly = fs.readonly;
      await this.vfs.mount(fs, mountpoint, {
        source: `loop:${path}`,
        readonly,
        options: [readonly ? 'ro' : 'rw', 'loop'],
      });
    } catch (error) {
      await this.filesystems.release(fs);
      throw error;
    }
  }

  /**
   * Unmount by mount point, or the latest mount of a mountable.
   * @param inner unmount what is mounted inside, too
   * @throws FsError EINVAL, EBUSY
   */
  async umount(pathOrMountable: string, inner = false): Promise<void> {
    const bySource = this.vfs.mounts.findLast((mount) => mount.source === pathOrMountable);
    const mount = bySource ?? (await this.vfs.mountAt(pathOrMountable));
    if (inner) {
      const inside = [...this.vfs.mounts].reverse().filter((m) => m !== mount && isInside(m, mount));
      for (const each of inside) await this.#detach(each);
    }
    await this.#detach(mount);
  }

  /** Unmount everything, inner mounts first. */
  async umountAll(): Promise<void> {
    for (const mount of [...this.vfs.mounts].reverse()) await this.#detach(mount);
  }

  /** Take all mounts away without giving the file systems back: the session closes them itself. */
  forgetAll(): void {
    for (const mount of [...this.vfs.mounts].reverse()) this.vfs.detach(mount);
  }

  /** @throws FsError EINVAL when nothing is mounted there, EROFS when it cannot be written */
  async remount(mountpoint: string, readonly: boolean): Promise<void> {
    const mount = await this.vfs.mountAt(mountpoint);
    if (!readonly && mount.fs.readonly) await this.#reopen(mount, mountpoint);
    else this.vfs.remount(mount, withAccess(mount, readonly));
  }

  /** A file system that was opened read-only has to be opened again for writing. */
  async #reopen(mount: Mount, mountpoint: string): Promise<void> {
    if (mount !== this.vfs.mounts.findLast((m) => m.source === mount.source)) {
      throw new FsError('EBUSY', { operation: 'remount', path: mountpoint, reason: 'mounted more than once' });
    }
    await this.#detach(mount);
    const options = mount.options.map((o) => (o === 'ro' ? 'rw' : o)).join(',');
    await this.#mount({ mountable: mount.source, mountpoint, options });
  }

  /**
   * Mount everything again by another driver. What it cannot mount stays as it is, but for the root.
   * @returns mounts that stayed with their driver, and why
   * @throws what mounting the root throws; everything is then as before
   */
  async moveTo(driver: string): Promise<readonly { readonly source: string; readonly reason: string }[]> {
    const isThere = (mount: Mount): boolean => mount.fs.identity.driver === driver || mount.source.startsWith('loop:');
    if (this.vfs.mounts.every(isThere)) return [];
    const all = this.describe();
    await this.umountAll();
    const stayed: { source: string; reason: string }[] = [];
    for (const [i, mount] of all.entries()) {
      try {
        await this.#mount({ ...asRequest(mount), driver });
      } catch (error) {
        stayed.push({ source: mount.source, reason: messageOf(error) });
        await this.#mount(asRequest(mount));
        if (mount.path !== '/') continue;
        for (const rest of all.slice(i + 1)) await this.#mount(asRequest(rest));
        throw error;
      }
    }
    return stayed;
  }

  async #detach(mount: Mount): Promise<void> {
    this.vfs.detach(mount);
    await this.filesystems.release(mount.fs);
  }
}

function asRequest({ source, path, options }: BorrowedMount): GuestMountRequest {
  return { mountable: source, mountpoint: path, options };
}

function withAccess(mount: Mount, readonly: boolean): Pick<Mount, 'readonly' | 'options'> {
  const access = readonly ? 'ro' : 'rw';
  return { readonly, options: [access, ...mount.options.filter((o) => o !== 'ro' && o !== 'rw')] };
}

function isInside(mount: Mount, outer: Mount): boolean {
  for (let at = mount.on; at !== undefined; at = at.mount.on) if (at.mount === outer) return true;
  return false;
}
