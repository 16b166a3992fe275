import { readdir, readFile, rmdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/** Groups of commands: the folder of the helper, and the number of the command. */
const GROUP = /^vmcraft-host-(\d+)-[0-9a-f]+-\d+$/;

/**
 * Remove control groups of commands whose process was killed together with its helper. A group is empty then, and one that is in use cannot be
 * removed.
 */
export async function reapControlGroups(): Promise<readonly string[]> {
  const reaped: string[] = [];
  for (const parent of await parents()) {
    for (const name of await readdir(parent).catch(() => [])) {
      const [, pid] = GROUP.exec(name) ?? [];
      if (pid === undefined || (await isAlive(pid))) continue;
      const path = join(parent, name);
      await rmdir(path).then(
        () => reaped.push(path),
        () => undefined,
      );
    }
  }
  return reaped;
}

/** Groups in which the helper may have made some: this process's own in each hierarchy, and those above it (limits.py). */
async function parents(): Promise<readonly string[]> {
  const own = (await readFile('/proc/self/cgroup', 'utf8').catch(() => '')).trim().split('\n');
  const paths = own.map((line) => line.split(':').slice(2).join(':'));
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')).split('\n');
  const found = new Set<string>();
  for (const line of mounts) {
    const [, , , root = '', point = ''] = line.split(' ');
    if (!/ - cgroup2? /.test(line)) continue;
    for (const path of paths) {
      const below = relative(root, path);
      for (let at = join(point, below.startsWith('..') ? '' : below); at.startsWith(point); at = dirname(at))
        found.add(at);
    }
  }
  return [...found];
}

async function isAlive(pid: string): Promise<boolean> {
  return readFile(`/proc/${pid}/stat`).then(
    () => true,
    () => false,
  );
}
