import { UsageError } from '@vmcraft/core/errors';
import { isWindowsPath } from '@vmcraft/core/guest';

/** Hives of the machine, and what each is called. */
export const MACHINE_HIVES = [
  'SOFTWARE',
  'SYSTEM',
  'SAM',
  'SECURITY',
  'DEFAULT',
  'COMPONENTS',
  'DRIVERS',
  'BCD',
] as const;
/** A hive of the machine. */
export type MachineHive = (typeof MACHINE_HIVES)[number];
/** A hive of a user. */
export type UserHive = 'NTUSER.DAT' | 'UsrClass.dat';

/** Which hive a path of the registry leads into. */
export type HiveName =
  | { readonly kind: 'machine'; readonly hive: MachineHive }
  /** `user` is a name or a security id; undefined when the guest's only user is meant. */
  | { readonly kind: 'user'; readonly hive: UserHive; readonly user: string | undefined }
  | { readonly kind: 'file'; readonly path: string };

/** A hive, and a key in it. */
export interface RegistryPath {
  readonly hive: HiveName;
  /** From the hive's root; empty for the root itself. */
  readonly key: string;
}

const ROOTS: Readonly<Record<string, 'machine' | 'users' | 'user' | 'classes'>> = {
  HKLM: 'machine',
  HKEY_LOCAL_MACHINE: 'machine',
  HKU: 'users',
  HKEY_USERS: 'users',
  HKCU: 'user',
  HKEY_CURRENT_USER: 'user',
  HKCR: 'classes',
  HKEY_CLASSES_ROOT: 'classes',
};

/** Security ids of users end their classes' hive in this. */
const CLASSES = /_classes$/i;

/**
 * The hive and the key that a path of the registry means: a hive's own name (`SOFTWARE`, `NTUSER.DAT:Alice`), a root with the rest
 * (`HKLM\SYSTEM\…`, `HKU\Alice\…`), or the file of a hive (`/Windows/…`, `C:\…`).
 * @param user for the hives of users, where the path names none
 * @throws UsageError when it names no hive
 */
export function parseRegistryPath(hive: string, key: string, user?: string): RegistryPath {
  if (hive.startsWith('/') || isWindowsPath(hive)) return { hive: { kind: 'file', path: hive }, key: normalKey(key) };
  const names = splitKey(`${hive}\\${key}`);
  const root = Object.hasOwn(ROOTS, (names[0] ?? '').toUpperCase()) ? ROOTS[names[0]!.toUpperCase()] : undefined;
  switch (root) {
    case 'machine':
      return machinePath(names.slice(1), hive);
    case 'classes':
      return { hive: { kind: 'machine', hive: 'SOFTWARE' }, key: ['Classes', ...names.slice(1)].join('\\') };
    case 'user':
      return userPath([user ?? '', ...names.slice(1)]);
    case 'users':
      if (names[1]?.toUpperCase() === '.DEFAULT')
        return { hive: { kind: 'machine', hive: 'DEFAULT' }, key: names.slice(2).join('\\') };
      if (names[1] === undefined)
        throw new UsageError('HKEY_USERS needs the name or the security id of a user', { argument: 'hive' });
      return userPath(names.slice(1));
    default:
      return bareHive(names, hive, user);
  }
}

function machinePath(names: readonly string[], given: string): RegistryPath {
  const name = (names[0] ?? '').toUpperCase().replace(/^BCD0+$/, 'BCD');
  const hive = MACHINE_HIVES.find((known) => known === name);
  if (hive === undefined) throw unknown(names[0] ?? given);
  return { hive: { kind: 'machine', hive }, key: names.slice(1).join('\\') };
}

/** `HKEY_USERS\<id>_Classes` is the hive of the classes; `…\Software\Classes` is a link to it. */
function userPath(names: readonly string[]): RegistryPath {
  const user = names[0]!;
  const hive: UserHive = CLASSES.test(user) ? 'UsrClass.dat' : 'NTUSER.DAT';
  const plain = user.replace(CLASSES, '');
  const owner = plain === '' ? undefined : plain;
  if (hive === 'NTUSER.DAT' && /^software\\classes(\\|$)/i.test(names.slice(1).join('\\'))) {
    return { hive: { kind: 'user', hive: 'UsrClass.dat', user: owner }, key: names.slice(3).join('\\') };
  }
  return { hive: { kind: 'user', hive, user: owner }, key: names.slice(1).join('\\') };
}

function bareHive(names: readonly string[], given: string, user: string | undefined): RegistryPath {
  const [first = '', ...rest] = names;
  const [name = '', owner] = first.split(':', 2);
  const upper = name.toUpperCase();
  if (upper === 'NTUSER.DAT' || upper === 'USRCLASS.DAT') {
    const hive: UserHive = upper === 'NTUSER.DAT' ? 'NTUSER.DAT' : 'UsrClass.dat';
    return { hive: { kind: 'user', hive, user: owner ?? user }, key: rest.join('\\') };
  }
  return machinePath(names, given);
}

function unknown(name: string): UsageError {
  return new UsageError(`'${name}' is no hive of the registry`, {
    argument: 'hive',
    hint: `hives are ${MACHINE_HIVES.join(', ')}, NTUSER.DAT:USER, UsrClass.dat:USER, HKLM\\…, HKU\\USER\\…, or the path of a file`,
  });
}

const splitKey = (path: string): string[] => path.split('\\').filter((name) => name !== '');
const normalKey = (key: string): string => splitKey(key).join('\\');

/** Where a hive is in the registry of a running system, for .reg files; empty for a file that is none of its hives. */
export function registryPrefix(hive: HiveName): string {
  if (hive.kind === 'file') return '';
  if (hive.kind === 'machine') {
    if (hive.hive === 'DEFAULT') return 'HKEY_USERS\\.DEFAULT';
    return `HKEY_LOCAL_MACHINE\\${hive.hive === 'BCD' ? 'BCD00000000' : hive.hive}`;
  }
  const root = hive.user === undefined ? 'HKEY_CURRENT_USER' : `HKEY_USERS\\${hive.user}`;
  if (hive.hive === 'NTUSER.DAT') return root;
  return hive.user === undefined ? `${root}\\Software\\Classes` : `${root}_Classes`;
}
