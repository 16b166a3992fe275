import { bytes, dword, expand, filetime, type RegKeys, type RegValue, sz } from './reg-text.js';
import { atLeast, type Release } from './releases.js';
import { MACHINE_SID } from './software-hive.js';

/** A local account of a look-alike. */
export interface LookAlikeUser {
  readonly name: string;
  readonly rid: number;
  readonly fullName: string;
  readonly comment: string;
  readonly disabled: boolean;
  /** Seconds since 1970. */
  readonly lastLogon?: number;
  readonly logons: number;
}

/** The accounts of every look-alike. */
export function users(r: Release): readonly LookAlikeUser[] {
  const isServer = r.installationType !== 'Client';
  const all: LookAlikeUser[] = [
    {
      name: 'Administrator',
      rid: 500,
      fullName: '',
      comment: 'Built-in account for administering the computer/domain',
      disabled: !isServer,
      logons: isServer ? 7 : 0,
      ...(isServer ? { lastLogon: r.installed + 5000 } : {}),
    },
    { name: 'Guest', rid: 501, fullName: '', comment: 'Built-in account for guest access', disabled: true, logons: 0 },
    {
      name: 'Alice',
      rid: 1001,
      fullName: 'Alice Müller',
      comment: '',
      disabled: false,
      lastLogon: r.installed + 86_400,
      logons: 42,
    },
    { name: 'Bob', rid: 1002, fullName: '', comment: 'left the company', disabled: true, logons: 1 },
  ];
  if (r.major >= 10)
    all.push({
      name: 'DefaultAccount',
      rid: 503,
      fullName: '',
      comment: 'A user account managed by the system.',
      disabled: true,
      logons: 0,
    });
  return all.sort((a, b) => a.rid - b.rid);
}

const ACB_DISABLED = 0x0001;
const ACB_NORMAL = 0x0010;
const ACB_NO_EXPIRY = 0x0200;

/** What is below HKLM\SAM. */
export function samHive(r: Release): RegKeys {
  const account = 'SAM\\Domains\\Account';
  const keys: Record<string, Record<string, RegValue>> = {
    SAM: { C: bytes(new Uint8Array(4)), ServerDomainUpdates: bytes(Uint8Array.of(0xfe, 1)) },
    [account]: { F: bytes(domainRecord(r)), V: bytes(domainName()) },
    'SAM\\Domains\\Builtin\\Aliases\\00000220': { C: bytes(new Uint8Array(52)) },
  };
  for (const user of users(r)) {
    const rid = user.rid.toString(16).padStart(8, '0').toUpperCase();
    keys[`${account}\\Users\\${rid}`] = { F: bytes(userFixed(user, r)), V: bytes(userVariable(user, r)) };
    // The type of the default value is the account's id.
    keys[`${account}\\Users\\Names\\${user.name}`] = { '@': { type: user.rid, data: new Uint8Array(0) } };
  }
  return keys;
}

/** F of the account domain: revision 2 with an RC4 key before Windows 10 1607, revision 3 with an AES key from there on. */
function domainRecord(r: Release): Uint8Array {
  const isAes = r.major >= 10;
  const f = Buffer.alloc(0xf0);
  f.writeUInt16LE(isAes ? 3 : 2, 0);
  f.writeUInt16LE(1, 2);
  f.writeBigUInt64LE(filetime(r.installed), 8);
  f.writeUInt32LE(1003, 0x48);
  f.writeUInt32LE(isAes ? 2 : 1, 0x68);
  f.writeUInt32LE(isAes ? 0x70 : 0x38, 0x6c);
  for (let i = 0x70; i < 0xa0; i++) f[i] = (i * 7) & 0xff;
  return new Uint8Array(f);
}

/** V of the account domain ends in the machine's security id. */
function domainName(): Uint8Array {
  const parts = MACHINE_SID.split('-').slice(4).map(Number);
  const v = Buffer.alloc(0x40 + 12);
  for (const [i, part] of parts.entries()) v.writeUInt32LE(part, 0x40 + i * 4);
  return new Uint8Array(v);
}

/** F of a user: times, id, flags, counts. */
function userFixed(user: LookAlikeUser, r: Release): Uint8Array {
  const f = Buffer.alloc(80);
  f.writeUInt16LE(2, 0);
  f.writeUInt16LE(1, 2);
  if (user.lastLogon !== undefined) f.writeBigUInt64LE(filetime(user.lastLogon), 8);
  f.writeBigUInt64LE(filetime(r.installed), 0x18);
  f.writeBigUInt64LE(0x7fffffffffffffffn, 0x20);
  f.writeUInt32LE(user.rid, 0x30);
  f.writeUInt32LE(513, 0x34);
  f.writeUInt16LE(ACB_NORMAL | ACB_NO_EXPIRY | (user.disabled ? ACB_DISABLED : 0), 0x38);
  f.writeUInt16LE(user.logons, 0x42);
  return new Uint8Array(f);
}

/** V of a user: 17 entries of offset, length and a number, offsets from the end of the table. */
function userVariable(user: LookAlikeUser, r: Release): Uint8Array {
  const text = (s: string): Buffer => Buffer.from(s, 'utf16le');
  const isAes = atLeast(r, 10, 0) && r.build >= 14393;
  const none = Buffer.from(isAes ? [2, 0, 2, 0, 0, 0, 0, 0].concat(new Array(16).fill(0)) : [1, 0, 1, 0]);
  const hash = isAes
    ? Buffer.concat([Buffer.from([2, 0, 2, 0, 16, 0, 0, 0]), Buffer.alloc(16, 0x5a), Buffer.alloc(32, 0xa5)])
    : Buffer.concat([Buffer.from([1, 0, 1, 0]), Buffer.alloc(16, 0xa5)]);
  const entries: Buffer[] = Array.from({ length: 17 }, () => Buffer.alloc(0));
  entries[0] = Buffer.alloc(0xb0);
  entries[1] = text(user.name);
  entries[2] = text(user.fullName);
  entries[3] = text(user.comment);
  entries[11] = Buffer.alloc(21, 0xff);
  entries[13] = none;
  entries[14] = user.rid === 1001 ? hash : none;
  const head = Buffer.alloc(17 * 12);
  const body: Buffer[] = [];
  let at = 0;
  for (const [i, entry] of entries.entries()) {
    head.writeUInt32LE(at, i * 12);
    head.writeUInt32LE(entry.length, i * 12 + 4);
    const padded = Buffer.alloc((entry.length + 3) & ~3);
    entry.copy(padded);
    body.push(padded);
    at += padded.length;
  }
  return new Uint8Array(Buffer.concat([head, ...body]));
}

/** What is below HKLM\SECURITY. */
export function securityHive(): RegKeys {
  return {
    'Policy\\PolAcDmS': { '@': { type: 0, data: sidBytes(MACHINE_SID) } },
    'Policy\\PolRevision': { '@': { type: 0, data: Uint8Array.of(0x0b, 0, 1, 0) } },
    'Policy\\Secrets': {},
    RXACT: {},
  };
}

function sidBytes(sid: string): Uint8Array {
  const [, , authority, ...subs] = sid.split('-');
  const b = Buffer.alloc(8 + subs.length * 4);
  b[0] = 1;
  b[1] = subs.length;
  b[7] = Number(authority);
  for (const [i, sub] of subs.entries()) b.writeUInt32LE(Number(sub), 8 + i * 4);
  return new Uint8Array(b);
}

/** What is below HKEY_USERS\.DEFAULT. */
export function defaultHive(): RegKeys {
  return {
    'Control Panel\\International': { Locale: sz('00000409') },
    'Keyboard Layout\\Preload': { '1': sz('00000409') },
  };
}

/** What is below HKLM\COMPONENTS. */
export function componentsHive(r: Release): RegKeys {
  return {
    'DerivedData\\Components': {},
    ServicingStackVersions: { [`${r.major}.${r.minor}.${r.build}.1`]: sz('ok') },
  };
}

/** NTUSER.DAT of Alice. */
export function userHive(): RegKeys {
  return {
    'Control Panel\\Desktop': { Wallpaper: sz('C:\\Users\\Alice\\Pictures\\cat.jpg') },
    Environment: { TEMP: expand('%USERPROFILE%\\AppData\\Local\\Temp') },
    'Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\Advanced': { HideFileExt: dword(1) },
    'Volatile Environment': { USERNAME: sz('Alice') },
  };
}

/** UsrClass.dat of Alice. */
export function userClassesHive(): RegKeys {
  return { '.txt\\OpenWithProgids': { txtfile: { type: 0, data: new Uint8Array(0) } }, 'Local Settings\\MuiCache': {} };
}
