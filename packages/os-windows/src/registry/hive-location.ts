import type { OperatingSystem } from '@vmcraft/core';
import { FsError, UsageError } from '@vmcraft/core/errors';
import { isWindowsPath, type Session, windowsPath } from '@vmcraft/core/guest';
import { textOf } from '../inspect/hive-reader.js';
import { openGuestHive } from './guest-hive.js';
import type { HiveName, UserHive } from './registry-path.js';

/** Where a hive lies: in the mounted tree, or on a file system of its own such as the EFI system partition. */
export interface HiveLocation {
  /** Undefined for the mounted tree. */
  readonly mountable?: string;
  readonly path: string;
}

const PROFILES = 'Microsoft\\Windows NT\\CurrentVersion\\ProfileList';
/** Where the hives of a user lie in the profile: since Windows Vista, and before. */
const USER_FILES: Readonly<Record<UserHive, readonly string[]>> = {
  'NTUSER.DAT': ['NTUSER.DAT'],
  'UsrClass.dat': [
    'AppData/Local/Microsoft/Windows/UsrClass.dat',
    'Local Settings/Application Data/Microsoft/Windows/UsrClass.dat',
  ],
};

/** Finds the hives of the Windows whose system volume is mounted. */
export class HiveLocator {
  constructor(
    private readonly g: Session,
    private readonly operation: string,
  ) {}

  /** @throws UsageError, FsError ENOENT */
  async locate(name: HiveName): Promise<HiveLocation> {
    switch (name.kind) {
      case 'file':
        return { path: isWindowsPath(name.path) ? await windowsPath(this.g, name.path) : name.path };
      case 'user':
        return { path: await this.#userFile(name.hive, name.user) };
      default:
        if (name.hive === 'BCD') return this.#bootConfiguration();
        return { path: await this.#existing(`%SystemRoot%\\System32\\config\\${name.hive}`) };
    }
  }

  /** The true path of a file that must be there. */
  async #existing(path: string): Promise<string> {
    const found = await windowsPath(this.g, path);
    await this.g.vfs.resolve(found, this.operation);
    return found;
  }

  /** The Windows whose root is mounted. */
  async #system(): Promise<OperatingSystem> {
    const { systems } = await this.g.inspect();
    const mounted = new Set(this.g.mounts.list().map(({ source }) => source));
    const windows = systems.filter((os) => os.type.value === 'windows');
    const found = windows.find((os) => mounted.has(os.root)) ?? windows[0];
    if (found === undefined) throw new UsageError('there is no Windows on the disks', { action: this.operation });
    return found;
  }

  /** As inspection found it, on whichever file system. */
  async #bootConfiguration(): Promise<HiveLocation> {
    const { bootEntries } = (await this.#system()).windows ?? {};
    const parts = /^(\/dev\/[^:]+):(\/.+)$/.exec(bootEntries?.source ?? '');
    if (parts === null)
      throw new FsError('ENOENT', {
        operation: this.operation,
        path: 'BCD',
        reason: 'no boot configuration was found',
      });
    const [, mountable, path] = parts as unknown as [string, string, string];
    const mount = this.g.mounts.list().findLast(({ source }) => source === mountable);
    return mount === undefined ? { mountable, path } : { path: `${mount.path === '/' ? '' : mount.path}${path}` };
  }

  async #userFile(hive: UserHive, user: string | undefined): Promise<string> {
    const profiles = await this.#profiles();
    const wanted = user?.toUpperCase();
    const matching = profiles.filter(
      ({ sid, path }) =>
        wanted === undefined || sid.toUpperCase() === wanted || lastName(path).toUpperCase() === wanted,
    );
    for (const { path } of matching.length > 0
      ? matching
      : wanted === undefined
        ? []
        : [{ path: `C:\\Users\\${user}` }]) {
      for (const file of USER_FILES[hive]) {
        const found = await windowsPath(this.g, `${path}\\${file}`);
        if ((await this.g.vfs.find(found, this.operation)) !== undefined) {
          if (wanted === undefined && matching.length > 1) throw this.#ambiguous(hive, profiles);
          return found;
        }
      }
    }
    const reason = user === undefined ? 'no user has one' : `user '${user}' has none`;
    throw new FsError('ENOENT', { operation: this.operation, path: hive, reason });
  }

  #ambiguous(hive: UserHive, profiles: readonly { readonly path: string }[]): UsageError {
    return new UsageError(`whose ${hive}?`, {
      argument: 'hive',
      hint: `write ${hive}:USER; users are ${profiles.map(({ path }) => lastName(path)).join(', ')}`,
    });
  }

  /** Profiles of people: security ids of accounts, and the folders of their profiles. */
  async #profiles(): Promise<readonly { readonly sid: string; readonly path: string }[]> {
    const { path } = await this.locate({ kind: 'machine', hive: 'SOFTWARE' });
    const software = await openGuestHive(this.g.vfs, path, {
      writable: false,
      operation: this.operation,
      warn: this.g.warn,
    });
    const list = (await (await software.key(PROFILES))?.subkeyList()) ?? [];
    const found: { sid: string; path: string }[] = [];
    for (const key of list) {
      const folder = textOf(await key.value('ProfileImagePath'));
      if (folder !== undefined && /^S-1-(5-21|12-1)-/i.test(key.name)) found.push({ sid: key.name, path: folder });
    }
    return found;
  }
}

const lastName = (path: string): string => path.split('\\').findLast((name) => name !== '') ?? path;
