import { readdir, readFile, readlink } from 'node:fs/promises';

/** A lock that another process holds on a file. */
export interface ForeignLock {
  /** What the kernel calls it: POSIX, OFDLCK or FLOCK. */
  readonly kind: string;
  /** Undefined where the kernel does not tell (open file description locks). */
  readonly pid: number | undefined;
}

/** Bytes on which qemu keeps its image locks: RAW_LOCK_PERM_BASE 100 and RAW_LOCK_SHARED_BASE 200, four permissions each. */
const QEMU_FIRST = 100;
const QEMU_LAST = 203;

/** `1: OFDLCK ADVISORY  READ -1 fe:00:2171793 100 101`, see proc_locks(5); lines of waiters have `->` after the number. */
const LINE = /^\d+: (\w+) +\S+ +(\w+) +(-?\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) (\d+) (\d+|EOF)$/;

/**
 * A lock of another process that speaks against writing to a file: any flock(2), any POSIX or open-file-description write lock, and any
 * lock on the bytes where qemu keeps its permissions. Undefined where there is none, or where the host has no `/proc/locks`.
 */
export async function foreignLock(dev: bigint, ino: bigint): Promise<ForeignLock | undefined> {
  const table = await readFile('/proc/locks', 'latin1').catch(() => '');
  for (const line of table.split('\n')) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const [, kind, access, pid, major, minor, inode, start, end] = match as unknown as string[];
    if (BigInt(inode!) !== ino || !sameDevice(dev, Number.parseInt(major!, 16), Number.parseInt(minor!, 16))) continue;
    if (Number(pid) === process.pid) continue;
    const last = end === 'EOF' ? Number.MAX_SAFE_INTEGER : Number(end);
    const ofQemu = Number(start) <= QEMU_LAST && last >= QEMU_FIRST;
    if (kind === 'FLOCK' || access === 'WRITE' || ofQemu)
      return { kind: kind!, pid: Number(pid) > 0 ? Number(pid) : undefined };
  }
  return undefined;
}

/** Linux's encoding of a device number (glibc `gnu_dev_major`, `gnu_dev_minor`). */
function sameDevice(dev: bigint, major: number, minor: number): boolean {
  const ownMajor = Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn));
  const ownMinor = Number((dev & 0xffn) | ((dev >> 12n) & ~0xffn));
  // Btrfs, overlayfs and NFS show stat(2) another anonymous device than the lock table: there only the inode number can be compared.
  return ownMajor === major && (ownMajor === 0 || ownMinor === minor);
}

/** A process that has the file open, for an error's text: `qemu-nbd (pid 123)`. Best effort: sees only processes of the same user. */
export async function holderOf(path: string): Promise<string | undefined> {
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      if ((await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')) !== path) continue;
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      return `${name.trim()} (pid ${pid})`;
    }
  }
  return undefined;
}
