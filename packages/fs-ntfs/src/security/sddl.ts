import { toHex } from '@vmcraft/core/binary';
import { type Ace, isObjectAce } from './ace.js';
import type { SecurityDescriptor } from './descriptor.js';
import {
  SE_DACL_AUTO_INHERIT_REQ,
  SE_DACL_AUTO_INHERITED,
  SE_DACL_PROTECTED,
  SE_SACL_AUTO_INHERIT_REQ,
  SE_SACL_AUTO_INHERITED,
  SE_SACL_PROTECTED,
} from './layout-security.js';

/** Short names of well-known SIDs. [MS-DTYP] §2.5.1.1, sid-token */
const SIDS: Readonly<Record<string, string>> = {
  'S-1-1-0': 'WD',
  'S-1-3-0': 'CO',
  'S-1-3-1': 'CG',
  'S-1-3-4': 'OW',
  'S-1-5-2': 'NU',
  'S-1-5-4': 'IU',
  'S-1-5-6': 'SU',
  'S-1-5-7': 'AN',
  'S-1-5-11': 'AU',
  'S-1-5-12': 'RC',
  'S-1-5-18': 'SY',
  'S-1-5-19': 'LS',
  'S-1-5-20': 'NS',
  'S-1-5-32-544': 'BA',
  'S-1-5-32-545': 'BU',
  'S-1-5-32-546': 'BG',
  'S-1-5-32-547': 'PU',
  'S-1-5-32-551': 'BO',
  'S-1-15-2-1': 'AC',
  'S-1-16-4096': 'LW',
  'S-1-16-8192': 'ME',
  'S-1-16-12288': 'HI',
  'S-1-16-16384': 'SI',
};
/** Names of ACE types. [MS-DTYP] §2.5.1.1, ace-type */
const TYPES: Readonly<Record<number, string>> = {
  0: 'A',
  1: 'D',
  2: 'AU',
  3: 'AL',
  5: 'OA',
  6: 'OD',
  7: 'OU',
  9: 'XA',
  10: 'XD',
  11: 'ZA',
  13: 'XU',
  17: 'ML',
  18: 'RA',
  19: 'SP',
};
const FLAGS = ['OI', 'CI', 'NP', 'IO', 'ID', '', 'SA', 'FA'] as const;
/** Access masks that have a name of their own for files. */
const RIGHTS: Readonly<Record<number, string>> = {
  2032127: 'FA',
  1179785: 'FR',
  1179926: 'FW',
  1179808: 'FX',
  268435456: 'GA',
  2147483648: 'GR',
  1073741824: 'GW',
  536870912: 'GX',
};

const sidText = (sid: string): string => SIDS[sid] ?? sid;

function aceText(ace: Ace): string {
  const flags = FLAGS.filter((_, bit) => (ace.flags & (1 << bit)) !== 0).join('');
  const mask = RIGHTS[ace.mask] ?? `0x${ace.mask.toString(16)}`;
  const types = isObjectAce(ace.type) ? [ace.objectType ?? '', ace.inheritedObjectType ?? ''] : ['', ''];
  // The data of conditions and resource attributes is shown as it is, in hexadecimal.
  const data = ace.data === undefined ? '' : `;#${toHex(ace.data)}`;
  const type = TYPES[ace.type] ?? `0x${ace.type.toString(16)}`;
  return `(${type};${flags};${mask};${types.join(';')};${sidText(ace.sid)}${data})`;
}

function aclText(aces: readonly Ace[] | null, flags: readonly (readonly [text: string, isSet: boolean])[]): string {
  const head = flags.flatMap(([text, isSet]) => (isSet ? [text] : [])).join('');
  return aces === null ? `${head}NO_ACCESS_CONTROL` : head + aces.map(aceText).join('');
}

/** A security descriptor in the definition language of Windows (SDDL), with the names of file rights. [MS-DTYP] §2.5.1 */
export function descriptorToSddl(descriptor: SecurityDescriptor): string {
  const { control, owner, group, dacl, sacl } = descriptor;
  const has = (flag: number): boolean => (control & flag) !== 0;
  const dflags = [
    ['P', has(SE_DACL_PROTECTED)],
    ['AR', has(SE_DACL_AUTO_INHERIT_REQ)],
    ['AI', has(SE_DACL_AUTO_INHERITED)],
  ] as const;
  const sflags = [
    ['P', has(SE_SACL_PROTECTED)],
    ['AR', has(SE_SACL_AUTO_INHERIT_REQ)],
    ['AI', has(SE_SACL_AUTO_INHERITED)],
  ] as const;
  return [
    owner === undefined ? '' : `O:${sidText(owner)}`,
    group === undefined ? '' : `G:${sidText(group)}`,
    dacl === undefined ? '' : `D:${aclText(dacl, dflags)}`,
    sacl === undefined ? '' : `S:${aclText(sacl, sflags)}`,
  ].join('');
}
