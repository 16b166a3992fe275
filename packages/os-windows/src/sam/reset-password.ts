import { CorruptImageError, FsError, UsageError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import type { Hive, HiveKey } from '@vmcraft/format-regf';
import { currentControlSet } from '../drivers/guest-windows.js';
import { requireMachineHive } from '../volume/hive-file.js';
import { WindowsVolume } from '../volume/windows-volume.js';
import { BOOT_KEY_PARTS, bootKeyOf } from './boot-key.js';
import { type DomainKey, domainKey, HashCipher } from './hash-cipher.js';
import { UserField } from './layout.js';
import { ntHashOf, parseNtHash } from './password-hash.js';
import { unlockedUser, userField, userName, withUserField } from './user-value.js';

const ACCOUNT = 'SAM\\Domains\\Account';
/** Accounts that one machine may have. */
const MAX_USERS = 100_000;
const NO_KEY: DomainKey = { key: new Uint8Array(16), revision: 1 };

/** What a password becomes. Without `password` and `ntHash` the account has none: it opens at the console. */
export interface ResetPasswordOptions {
  readonly password?: string;
  /** 32 hexadecimal digits. */
  readonly ntHash?: string;
  /** Enable a disabled or locked account too; true unless given. */
  readonly unlock?: boolean;
}

/**
 * Set or take away the password of a local account of the mounted Windows.
 * Files that Windows enciphered with the old password (EFS), and secrets it keeps (DPAPI), are lost to the account.
 * @param user name in any case
 * @throws FsError ENOENT when there is no such account, UsageError, CorruptImageError
 */
export async function resetPassword(g: Session, user: string, options: ResetPasswordOptions = {}): Promise<void> {
  const { password, ntHash } = options;
  if (password !== undefined && ntHash !== undefined) throw new UsageError('give a password or an NT hash, not both');
  const volume = await WindowsVolume.open(g, 'reset_password');
  await volume.requireWritable();
  const sam = await requireMachineHive(volume, 'SAM', true);
  const { key, v, rid } = await findUser(sam, user);
  const isBlank = ntHash === undefined && (password === undefined || password === '');
  const hash = isBlank ? undefined : ntHash === undefined ? await ntHashOf(password!) : parseNtHash(ntHash);
  const domain = isBlank ? NO_KEY : await readDomainKey(await requireMachineHive(volume, 'SYSTEM', false), sam);
  const cipher = new HashCipher(domain, rid);
  const changed = await withPassword(v, cipher, hash, () => g.platform.randomBytes(16));
  const fixed = (await key.value('F'))?.raw;
  const f = fixed === undefined || options.unlock === false ? undefined : unlockedUser(fixed);
  await key.setValue('V', 'REG_BINARY', changed);
  if (f !== undefined) await key.setValue('F', 'REG_BINARY', f);
  await sam.commit();
}

/** The NT hash that is stored for an account; undefined when it has no password. For checks. */
export async function storedNtHash(sam: Hive, system: Hive, user: string): Promise<Uint8Array | undefined> {
  const { v, rid } = await findUser(sam, user);
  const cipher = new HashCipher(await readDomainKey(system, sam), rid);
  return cipher.open(userField(v, UserField.NT_HASH), 'nt');
}

async function withPassword(
  v: Uint8Array,
  cipher: HashCipher,
  hash: Uint8Array | undefined,
  salt: () => Uint8Array,
): Promise<Uint8Array> {
  const nt = userField(v, UserField.NT_HASH);
  const lm = userField(v, UserField.LM_HASH);
  // The other hash tells the form where this one has nothing stored at all.
  const form = nt.length > 0 ? nt : lm;
  const changed = withUserField(v, UserField.NT_HASH, await cipher.seal(hash, 'nt', form, salt()));
  // An LM hash of the old password would still open the account over the network.
  if (lm.length === 0) return changed;
  return withUserField(changed, UserField.LM_HASH, await cipher.seal(undefined, 'lm', lm, salt()));
}

/** Keys of users are named by their relative ids; their names are inside. */
async function findUser(sam: Hive, user: string): Promise<{ key: HiveKey; v: Uint8Array; rid: number }> {
  const users = await sam.key(`${ACCOUNT}\\Users`);
  if (users === undefined) {
    throw new CorruptImageError({ structure: 'SAM', field: `${ACCOUNT}\\Users`, reason: 'it is missing' });
  }
  const names: string[] = [];
  for (const key of (await users.subkeyList()).slice(0, MAX_USERS)) {
    if (!/^[0-9a-f]{8}$/i.test(key.name)) continue;
    const v = (await key.value('V'))?.raw;
    if (v === undefined) continue;
    const name = userName(v);
    if (name.toLowerCase() === user.toLowerCase()) return { key, v, rid: Number.parseInt(key.name, 16) };
    names.push(name);
  }
  const reason = `no local account is called '${user}'; there are ${names.join(', ')}`;
  throw new FsError('ENOENT', { operation: 'reset_password', reason });
}

async function readDomainKey(system: Hive, sam: Hive): Promise<DomainKey> {
  const lsa = `${await currentControlSet(system)}\\Control\\Lsa`;
  const classes: string[] = [];
  for (const part of BOOT_KEY_PARTS) classes.push((await (await system.key(`${lsa}\\${part}`))?.className()) ?? '');
  const f = (await (await sam.key(ACCOUNT))?.value('F'))?.raw;
  if (f === undefined)
    throw new CorruptImageError({ structure: 'SAM', field: `${ACCOUNT}\\F`, reason: 'it is missing' });
  return domainKey(f, bootKeyOf(classes));
}
