import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GuestFS, type OpenOptions } from 'vmcraft';

export const MIB = 1 << 20;

/** Output of a host tool. Throws when it fails. */
export const tool = (command: string, ...args: string[]): string =>
  execFileSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LVM_SUPPRESS_FD_WARNINGS: '1', LC_ALL: 'C' },
  });

/** Disks below a folder that goes away. */
export class Workspace {
  readonly folder = mkdtempSync(join(tmpdir(), 'vmcraft-lvm-'));

  /** An empty raw disk. */
  disk(name: string, size: number): string {
    const path = join(this.folder, name);
    writeFileSync(path, '');
    truncateSync(path, size);
    return path;
  }

  /** Open disks, do something, commit. */
  async with<T>(disks: readonly string[], work: (g: GuestFS) => Promise<T>, options: OpenOptions = {}): Promise<T> {
    const drives = disks.map((path) => ({ path, format: path.endsWith('.qcow2') ? 'qcow2' : 'raw' }));
    const g = await GuestFS.open(drives, options);
    try {
      const result = await work(g);
      await g.close();
      return result;
    } catch (error) {
      await g.session.rollback();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * Let lvm2 itself look at raw disks, through loop devices and at nothing else. It needs no device mapper for its metadata.
 * @param work gets a function that runs a command of lvm
 */
export function withLvm<T>(
  disks: readonly string[],
  work: (lvm: (...args: string[]) => string, loops: string[]) => T,
): T {
  const loops: string[] = [];
  try {
    for (const disk of disks) loops.push(tool('losetup', '-f', '--show', disk).trim());
    const accept = loops.map((loop) => `"a|^${loop}$|"`).join(',');
    const config = `devices{use_devicesfile=0 filter=[${accept},"r|.*|"]} activation{udev_sync=0 udev_rules=0 monitoring=0} backup{backup=0 archive=0} global{activation=0}`;
    return work((command, ...args) => tool('lvm', command!, '--config', config, ...args), loops);
  } finally {
    for (const loop of loops) tool('losetup', '-d', loop);
  }
}
