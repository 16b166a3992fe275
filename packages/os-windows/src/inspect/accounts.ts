import type { UserInfo } from '@vmcraft/core';
import { decodeUtf16, viewOf } from '@vmcraft/core/binary';
import {
  ACCOUNT_CONTROL_OFFSET,
  AccountControl,
  USER_F_SIZE,
  USER_TABLE_SIZE,
  UserEntry,
  UserField,
} from '../sam/layout.js';
import { fileTime } from './file-time.js';
import { type HiveReader, textOf } from './hive-reader.js';

const ACCOUNT = 'SAM\\Domains\\Account';
const PROFILES = 'Microsoft\\Windows NT\\CurrentVersion\\ProfileList';

/** Entries of a user's `V` that only inspection reads. */
const FULL_NAME = 0x18;
const COMMENT = 0x24;
/** Fields of a user's `F`. */
const LAST_LOGON = 0x08;
const PRIMARY_GROUP = 0x34;
/** The last part of the machine's security id: three numbers at the end of the domain's `V`. */
const MACHINE_ID_SIZE = 12;

/** Local accounts, by their relative ids. */
export async function readAccounts(sam: HiveReader, software: HiveReader | undefined): Promise<readonly UserInfo[]> {
  const machine = machineSid(await sam.bytes(ACCOUNT, 'V'));
  const users: UserInfo[] = [];
  for (const key of await sam.subkeys(`${ACCOUNT}\\Users`)) {
    if (!/^[0-9a-f]{8}$/i.test(key.name)) continue;
    const path = `${ACCOUNT}\\Users\\${key.name}`;
    const rid = Number.parseInt(key.name, 16);
    const user = accountOf(rid, await sam.bytes(path, 'F'), await sam.bytes(path, 'V'));
    if (user === undefined) {
      sam.warnings.push(`${sam.source}: account ${rid} is damaged`);
      continue;
    }
    const sid = machine === undefined ? undefined : `${machine}-${rid}`;
    const home =
      sid === undefined ? undefined : textOf(await software?.value(`${PROFILES}\\${sid}`, 'ProfileImagePath'));
    users.push({ ...user, ...(sid === undefined ? {} : { sid }), ...(home === undefined ? {} : { home }) });
  }
  return users.sort((a, b) => a.uid - b.uid);
}

function accountOf(rid: number, fixed: Uint8Array | undefined, variable: Uint8Array | undefined): UserInfo | undefined {
  if (variable === undefined || variable.length < USER_TABLE_SIZE) return undefined;
  const name = textEntry(variable, UserField.NAME);
  if (name === undefined || name === '') return undefined;
  const fullName = textEntry(variable, FULL_NAME);
  const comment = textEntry(variable, COMMENT);
  return {
    name,
    uid: rid,
    ...(fullName === undefined || fullName === '' ? {} : { fullName }),
    ...(comment === undefined || comment === '' ? {} : { comment }),
    ...(fixed === undefined || fixed.length < USER_F_SIZE ? {} : fixedFacts(fixed)),
  };
}

function fixedFacts(fixed: Uint8Array): Partial<UserInfo> {
  const view = viewOf(fixed);
  const lastLogon = fileTime(fixed, LAST_LOGON);
  return {
    gid: view.getUint32(PRIMARY_GROUP, true),
    disabled: (view.getUint16(ACCOUNT_CONTROL_OFFSET, true) & AccountControl.DISABLED) !== 0,
    ...(lastLogon === undefined ? {} : { lastLogon }),
  };
}

/** Text of an entry; undefined when it leads out of the value. */
function textEntry(variable: Uint8Array, field: number): string | undefined {
  const { offset, length } = UserEntry.decode(variable, field);
  const start = USER_TABLE_SIZE + offset;
  if (start + length > variable.length) return undefined;
  return decodeUtf16(variable.subarray(start, start + length));
}

function machineSid(domain: Uint8Array | undefined): string | undefined {
  if (domain === undefined || domain.length < MACHINE_ID_SIZE) return undefined;
  const view = viewOf(domain.subarray(domain.length - MACHINE_ID_SIZE));
  return `S-1-5-21-${[0, 4, 8].map((at) => view.getUint32(at, true)).join('-')}`;
}
