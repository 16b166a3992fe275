import type { OperatingSystem } from '../contracts/index.js';
import { FsError, UsageError } from '../errors/index.js';
import { caseSensitivePath } from './case-path.js';
import type { Session } from './session.js';
import { DRIVE, NAMESPACE, VARIABLE } from './windows-syntax.js';

/** Folders of the system drive that variables stand for, below its root. */
const SYSTEM_FOLDERS: Readonly<Record<string, string>> = {
  systemdrive: '',
  homedrive: '',
  programfiles: '/Program Files',
  programw6432: '/Program Files',
  'programfiles(x86)': '/Program Files (x86)',
  commonprogramfiles: '/Program Files/Common Files',
  'commonprogramfiles(x86)': '/Program Files (x86)/Common Files',
  programdata: '/ProgramData',
  allusersprofile: '/ProgramData',
  public: '/Users/Public',
};

/**
 * The path in this session that a Windows path means: the mount point of its drive, slashes turned, names in the case that the disk
 * has. Names that do not exist stay as they are written, so that what is created keeps its case.
 * @throws UsageError when the drive or variable is not known, or its file system is not mounted
 */
export async function windowsPath(g: Session, path: string): Promise<string> {
  const plain = path.replace(/^win:/i, '').replace(NAMESPACE, '');
  const { base, rest } = await split(g, plain);
  const joined = `${base}/${rest.replaceAll('\\', '/')}`.replace(/\/{2,}/g, '/');
  const trimmed = joined.length > 1 ? joined.replace(/\/+$/, '') : joined;
  return trueCase(g, trimmed === '' ? '/' : trimmed);
}

async function split(g: Session, path: string): Promise<{ base: string; rest: string }> {
  const drive = DRIVE.exec(path)?.[1];
  if (drive !== undefined) return { base: await mountPointOf(g, await systemOf(g), drive), rest: path.slice(2) };
  const variable = VARIABLE.exec(path)?.[1];
  if (variable !== undefined) {
    const os = await systemOf(g);
    const rest = path.slice(variable.length + 2);
    return { base: `${await rootOf(g, os)}${folderOf(os, variable)}`, rest };
  }
  const os = (await g.inspect()).systems.find((s) => s.type.value === 'windows');
  return { base: os === undefined ? '' : await rootOf(g, os), rest: path };
}

function folderOf(os: OperatingSystem, variable: string): string {
  const name = variable.toLowerCase();
  if (name === 'systemroot' || name === 'windir') {
    const found = os.extra?.inspect_get_windows_systemroot?.value;
    if (typeof found === 'string') return found;
  }
  const folder = Object.hasOwn(SYSTEM_FOLDERS, name) ? SYSTEM_FOLDERS[name] : undefined;
  if (folder !== undefined) return folder;
  throw new UsageError(`%${variable}% stands for nothing in a system that is switched off`, {
    hint: 'write the path in full',
  });
}

/** The Windows whose root is mounted, else the first on the disks. @throws UsageError when there is none */
async function systemOf(g: Session): Promise<OperatingSystem> {
  const found = (await g.inspect()).systems.filter((os) => os.type.value === 'windows');
  const mounted = new Set(g.mounts.list().map(({ source }) => source));
  const os = found.find(({ root }) => mounted.has(root)) ?? found[0];
  if (os === undefined) throw new UsageError('a Windows path needs a Windows system, and there is none on the disks');
  return os;
}

async function mountPointOf(g: Session, os: OperatingSystem, letter: string): Promise<string> {
  const wanted = letter.toUpperCase();
  const mapped = Object.entries(os.driveMappings ?? {}).find(([name]) => name.toUpperCase() === wanted)?.[1];
  // Without a mapping, the system's own volume is the drive that its own paths say.
  if (mapped === undefined && wanted === 'C') return rootOf(g, os);
  if (mapped === undefined) throw new UsageError(`drive ${wanted}: is none of the disks`, { argument: `${wanted}:` });
  return placeOf(g, mapped, `drive ${wanted}:`);
}

const rootOf = (g: Session, os: OperatingSystem): Promise<string> => placeOf(g, os.root, 'the system drive');

async function placeOf(g: Session, device: string, what: string): Promise<string> {
  const mount = g.mounts.list().findLast(({ source }) => source === device);
  if (mount === undefined)
    throw new UsageError(`${what} is ${device}, which is not mounted`, { hint: `mount ${device} first` });
  return mount.path === '/' ? '' : mount.path;
}

/** The path with every name that exists in the case of the disk. */
async function trueCase(g: Session, path: string): Promise<string> {
  const names = path.split('/').filter((name) => name !== '');
  for (let known = names.length; known > 0; known--) {
    try {
      const head = await caseSensitivePath(g, `/${names.slice(0, known).join('/')}`);
      return [head, ...names.slice(known)].join('/');
    } catch (error) {
      if (!(error instanceof FsError) || (error.code !== 'ENOENT' && error.code !== 'ENOTDIR')) throw error;
    }
  }
  return path;
}
