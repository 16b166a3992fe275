import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reapControlGroups } from './control-groups.js';

/** Folders of helpers: this, the process, and random characters. */
const PREFIX = 'vmcraft-host-';
const OWNER = 'owner.json';

interface Owner {
  readonly pid: number;
  /** `starttime` of /proc/PID/stat, so that a number used again is not taken for the same process. */
  readonly started: string;
}

/** A private folder for a helper, which says whose it is. */
export async function makeFolder(): Promise<string> {
  const folder = join(tmpdir(), `${PREFIX}${process.pid}-${randomBytes(6).toString('hex')}`);
  await mkdir(folder, { mode: 0o700 });
  const owner: Owner = { pid: process.pid, started: (await startTime(process.pid)) ?? '' };
  await writeFile(join(folder, OWNER), JSON.stringify(owner), { mode: 0o600, flag: 'wx' });
  return folder;
}

/** Take a helper's folder away. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

/**
 * Remove what processes of ours left that were killed together with their helpers. Mounts, devices and processes went with the helper's
 * namespaces, so folders and empty control groups are all there is.
 */
export async function reapLeftovers(): Promise<readonly string[]> {
  const reaped: string[] = [...(await reapControlGroups())];
  for (const name of await readdir(tmpdir()).catch(() => [])) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(tmpdir(), name);
    if (!(await isOurs(folder)) || (await isAlive(folder, name))) continue;
    await removeFolder(folder).catch(() => undefined);
    reaped.push(folder);
  }
  return reaped;
}

async function isOurs(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === process.getuid?.();
}

async function isAlive(folder: string, name: string): Promise<boolean> {
  const text = await readFile(join(folder, OWNER), 'utf8').catch(() => undefined);
  const pid = Number(/^vmcraft-host-(\d+)-/.exec(name)?.[1] ?? 0);
  const started = await startTime(pid);
  if (started === undefined) return false;
  if (text === undefined) return true;
  try {
    const owner = JSON.parse(text) as Partial<Owner>;
    return owner.pid === pid && owner.started === started;
  } catch {
    return true;
  }
}

/** proc(5), `/proc/PID/stat` field 22; undefined when there is no such process. */
async function startTime(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return text
    ?.slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .at(19);
}
