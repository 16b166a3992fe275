import { encodeFileName } from '../../binary/index.js';
import { textOf } from '../file-content.js';
import type { Session } from '../session.js';

/** Bytes of an account file that are read. */
const MAX_ACCOUNTS = 1 << 20;
/** Bytes of a name that archives can hold. */
const MAX_NAME = 31;

/** Names of the guest's users and groups. */
export class OwnerNames {
  private constructor(
    private readonly users: ReadonlyMap<number, string>,
    private readonly groups: ReadonlyMap<number, string>,
  ) {}

  /** From `/etc/passwd` and `/etc/group` of the guest; a guest without them has no names. */
  static async read(g: Session): Promise<OwnerNames> {
    return new OwnerNames(await readAccounts(g, '/etc/passwd'), await readAccounts(g, '/etc/group'));
  }

  user(uid: number): string | undefined {
    return this.users.get(uid);
  }

  group(gid: number): string | undefined {
    return this.groups.get(gid);
  }

  userId(name: string): number | undefined {
    return idOf(this.users, name);
  }

  groupId(name: string): number | undefined {
    return idOf(this.groups, name);
  }
}

function idOf(names: ReadonlyMap<number, string>, wanted: string): number | undefined {
  for (const [id, name] of names) if (name === wanted) return id;
  return undefined;
}

/** Lines `name:password:id:…` of passwd(5) and group(5). */
async function readAccounts(g: Session, path: string): Promise<ReadonlyMap<number, string>> {
  const names = new Map<number, string>();
  try {
    const file = await g.vfs.open(path, 'owner names', { signal: g.signal });
    for (const line of textOf(await file.read(0, MAX_ACCOUNTS)).split('\n')) {
      const [name, , id] = line.split(':');
      if (name === undefined || id === undefined || name === '' || !/^\d{1,10}$/.test(id)) continue;
      if (encodeFileName(name).length <= MAX_NAME && !names.has(Number(id))) names.set(Number(id), name);
    }
  } catch {
    // Whatever is wrong with the file: numbers are enough.
  }
  return names;
}
