import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { componentsHive, defaultHive, samHive, securityHive, userClassesHive, userHive } from './account-hives.js';
import { bcdHive } from './bcd-hive.js';
import { type DiskLayout, diskLayout } from './disk-layout.js';
import { bootFiles, type Files, systemRoot, windowsFiles } from './file-list.js';
import { minimalHive } from './minimal-hive.js';
import { type RegKeys, regText } from './reg-text.js';
import { type Release, release } from './releases.js';
import { softwareHive } from './software-hive.js';
import { systemHive } from './system-hive.js';
import { writeDisk } from './write-disk.js';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const cache = join(here, '../../../.cache/windows');

/** What building a look-alike needs. */
export const LOOK_ALIKE_NEEDS = [
  'root',
  'hivexregedit',
  'mkntfs',
  'ntfs-3g',
  'sgdisk',
  'sfdisk',
  'mkfs.fat',
  'mcopy',
  'flock',
];

/** A built look-alike. Never write to its files: copy the disk, or lay an overlay over it. */
export interface LookAlike {
  readonly release: Release;
  readonly layout: DiskLayout;
  /** Raw disk image. */
  readonly disk: string;
  /** Folder with what lies on the Windows volume, hives included. */
  readonly tree: string;
  /** Folder with what lies on the system partition; the same as `tree` when there is none. */
  readonly boot: string;
}

/** Hives by their path on the Windows volume. */
export function hivesOf(r: Release, layout: DiskLayout): ReadonlyMap<string, RegKeys> {
  const config = `${systemRoot(r)}/System32/config`;
  return new Map([
    [`${config}/SOFTWARE`, softwareHive(r)],
    [`${config}/SYSTEM`, systemHive(r, layout)],
    [`${config}/SAM`, samHive(r)],
    [`${config}/SECURITY`, securityHive()],
    [`${config}/DEFAULT`, defaultHive()],
    [`${config}/COMPONENTS`, componentsHive(r)],
    ['Users/Alice/NTUSER.DAT', userHive()],
    ['Users/Alice/AppData/Local/Microsoft/Windows/UsrClass.dat', userClassesHive()],
  ]);
}

/** A look-alike by the id of its release; built once and kept until the recipe changes. Test files that run at the same time wait for one. */
export async function lookAlike(id: string): Promise<LookAlike> {
  const r = release(id);
  const layout = diskLayout(r);
  const folder = join(cache, `${id}-${recipeHash()}`);
  const result = {
    release: r,
    layout,
    disk: join(folder, 'disk.raw'),
    tree: join(folder, 'tree'),
    boot: join(folder, 'boot'),
  };
  const built: LookAlike =
    r.firmware === 'uefi' || r.systemReserved === true ? result : { ...result, boot: result.tree };
  if (existsSync(folder)) return built;
  mkdirSync(cache, { recursive: true });
  const lock = join(cache, `${id}.lock`);
  // Whoever holds the lock builds; the others find the folder when they get it.
  const holder = execFile('flock', [lock, 'sh', '-c', 'echo held; cat >/dev/null']);
  try {
    await new Promise<void>((resolve, reject) => {
      holder.stdout!.once('data', () => resolve());
      holder.once('error', reject);
    });
    if (!existsSync(folder)) await build(built, folder);
  } finally {
    holder.stdin!.end();
  }
  return built;
}

async function build(built: LookAlike, folder: string): Promise<void> {
  const work = mkdtempSync(join(cache, 'build-'));
  const at = (path: string): string => path.replace(folder, work);
  try {
    writeFiles(at(built.tree), windowsFiles(built.release));
    writeFiles(at(built.boot), bootFiles(built.release));
    for (const [path, keys] of hivesOf(built.release, built.layout)) await writeHive(join(at(built.tree), path), keys);
    const bcd = built.release.firmware === 'uefi' ? 'EFI/Microsoft/Boot/BCD' : 'Boot/BCD';
    await writeHive(join(at(built.boot), bcd), bcdHive(built.release, built.layout));
    await writeDisk({ ...built, disk: at(built.disk), tree: at(built.tree), boot: at(built.boot) });
    rmSync(folder, { recursive: true, force: true });
    renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** A hive with these keys, written by hivexregedit. */
export async function writeHive(path: string, keys: RegKeys): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, minimalHive(path));
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-reg-'));
  try {
    const text = join(folder, 'import.reg');
    writeFileSync(text, regText('HIVE', keys));
    await run('hivexregedit', ['--merge', '--prefix', 'HIVE', path, text]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeFiles(folder: string, files: Files): void {
  for (const [path, bytes] of files) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, bytes);
  }
}

let hash: string | undefined;

function recipeHash(): string {
  if (hash !== undefined) return hash;
  const digest = createHash('sha256');
  for (const name of readdirSync(here).sort()) if (name.endsWith('.ts')) digest.update(readFileSync(join(here, name)));
  hash = digest.digest('hex').slice(0, 12);
  return hash;
}

/** A disk that a test may write to: a sparse copy. */
export function scratchDisk(built: LookAlike, folder: string, name = 'disk.raw'): string {
  const copy = join(folder, name);
  execFileSync('cp', ['--sparse=always', built.disk, copy]);
  return copy;
}
