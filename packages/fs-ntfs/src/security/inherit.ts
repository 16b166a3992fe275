import type { Ace } from './ace.js';
import { decodeDescriptor, encodeDescriptor, type SecurityDescriptor } from './descriptor.js';
import {
  ACCESS_ALLOWED_ACE,
  CONTAINER_INHERIT_ACE,
  INHERIT_ONLY_ACE,
  INHERITED_ACE,
  NO_PROPAGATE_INHERIT_ACE,
  OBJECT_INHERIT_ACE,
  SE_DACL_AUTO_INHERITED,
  SE_SACL_AUTO_INHERITED,
} from './layout-security.js';

const SYSTEM = 'S-1-5-18';
const ADMINISTRATORS = 'S-1-5-32-544';
const CREATOR_OWNER = 'S-1-3-0';
const CREATOR_GROUP = 'S-1-3-1';
const FILE_ALL_ACCESS = 0x1f01ff;
const INHERITANCE = OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE | NO_PROPAGATE_INHERIT_ACE | INHERIT_ONLY_ACE;

/** Generic rights and what they stand for with files. [MS-DTYP] §2.4.3, Windows SDK winnt.h FILE_GENERIC_* */
const GENERIC: readonly (readonly [number, number])[] = [
  [0x80000000, 0x120089],
  [0x40000000, 0x120116],
  [0x20000000, 0x1200a0],
  [0x10000000, FILE_ALL_ACCESS],
];

function mapGeneric(mask: number): number {
  let mapped = mask & 0x0fffffff;
  for (const [generic, rights] of GENERIC) if ((mask & generic) !== 0) mapped |= rights;
  return mapped >>> 0;
}

/** What one entry of a directory gives a new child: nothing, one entry, or one for the child and one for what will lie below. */
function inheritAce(ace: Ace, isDirectory: boolean, owner: string, group: string): Ace[] {
  const forFiles = (ace.flags & OBJECT_INHERIT_ACE) !== 0;
  const forDirectories = (ace.flags & CONTAINER_INHERIT_ACE) !== 0;
  const stops = (ace.flags & NO_PROPAGATE_INHERIT_ACE) !== 0;
  const rest = (ace.flags & ~INHERITANCE) | INHERITED_ACE;
  const below = ace.flags & (OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE);
  const sid = ace.sid === CREATOR_OWNER ? owner : ace.sid === CREATOR_GROUP ? group : ace.sid;
  const own = { ...ace, sid, mask: mapGeneric(ace.mask), flags: rest };
  if (!isDirectory) return forFiles ? [own] : [];
  if (!forDirectories)
    return forFiles && !stops ? [{ ...ace, flags: rest | OBJECT_INHERIT_ACE | INHERIT_ONLY_ACE }] : [];
  if (stops) return [own];
  if (sid === ace.sid && own.mask === ace.mask) return [{ ...own, flags: rest | below }];
  return [own, { ...ace, flags: rest | below | INHERIT_ONLY_ACE }];
}

/**
 * The descriptor of a new file or directory, from that of its directory. [MS-DTYP] §2.5.3.4
 *
 * Without entries to inherit it is what Windows gives files of an administrator: full access for the system and administrators.
 * @throws CorruptImageError, TruncatedImageError when the directory's descriptor is damaged
 */
export function inheritDescriptor(parent: Uint8Array, isDirectory: boolean): Uint8Array {
  const { owner = ADMINISTRATORS, group = SYSTEM, dacl, sacl } = decodeDescriptor(parent);
  const take = (aces: readonly Ace[]): Ace[] => aces.flatMap((ace) => inheritAce(ace, isDirectory, owner, group));
  const inherited = take(dacl ?? []);
  const audits = take(sacl ?? []);
  const allow = (sid: string): Ace => ({ type: ACCESS_ALLOWED_ACE, flags: 0, mask: FILE_ALL_ACCESS, sid });
  const descriptor: SecurityDescriptor = {
    control: (inherited.length > 0 ? SE_DACL_AUTO_INHERITED : 0) | (audits.length > 0 ? SE_SACL_AUTO_INHERITED : 0),
    owner,
    group,
    dacl: inherited.length > 0 ? inherited : [allow(SYSTEM), allow(ADMINISTRATORS)],
    ...(audits.length > 0 ? { sacl: audits } : {}),
  };
  return encodeDescriptor(descriptor);
}
