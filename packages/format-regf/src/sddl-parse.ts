import { concatBytes, guid, parseUuid, viewOf } from '@vmcraft/core/binary';
import { UnsupportedFeatureError, UsageError } from '@vmcraft/core/errors';
import { parseAttribute } from './sddl-attribute.js';
import { parseCondition } from './sddl-condition-parse.js';
import {
  ACE_FLAGS,
  ACE_TYPES,
  DOMAIN_SID_NAMES,
  LABEL_RIGHTS,
  NULL_ACL,
  SID_NAMES,
  SINGLE_RIGHTS,
  WHOLE_RIGHTS,
} from './sddl-names.js';
import { blankEntries, splitEntries } from './sddl-split.js';
import {
  AceHeader,
  AclHeader,
  CALLBACK_TYPES,
  Control,
  DescriptorHeader,
  OBJECT_TYPES,
  RESOURCE_TYPE,
} from './security-descriptor.js';
import { parseSid } from './sid.js';

const ACL_REVISION = 2;
const ACL_REVISION_OBJECTS = 4;
const MAX_ACL = 0xffff;
/** Every name of a right; the names of labels and of others are different. */
const RIGHTS = new Map([...SINGLE_RIGHTS, ...WHOLE_RIGHTS, ...LABEL_RIGHTS]);

function wrong(what: string, text: string): UsageError {
  return new UsageError(`SDDL: '${text}' is no ${what}`, { argument: 'sddl' });
}

function sid(text: string): Uint8Array {
  const known = SID_NAMES.get(text.toUpperCase());
  if (known !== undefined) return parseSid(known);
  if (DOMAIN_SID_NAMES.has(text.toUpperCase())) {
    throw new UnsupportedFeatureError({
      feature: `the SDDL name '${text}', which depends on the domain`,
      workaround: 'write the identifier as S-1-5-21-...',
    });
  }
  return parseSid(text);
}

/** The sum of two-letter names. */
function bits(text: string, table: ReadonlyMap<string, number>, what: string): number {
  let value = 0;
  for (let i = 0; i < text.length; i += 2) {
    const bit = table.get(text.slice(i, i + 2).toUpperCase());
    if (bit === undefined) throw wrong(what, text);
    value = (value | bit) >>> 0;
  }
  return value;
}

function mask(text: string): number {
  if (!/^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text)) return bits(text, RIGHTS, 'set of rights');
  const value = Number(text);
  if (value > 0xffffffff) throw wrong('set of rights', text);
  return value;
}

function objectTypes(object: string, inherited: string): Uint8Array {
  const out = [new Uint8Array(4)];
  for (const [i, text] of [object, inherited].entries()) {
    if (text === '') continue;
    if (parseUuid(text) === undefined) throw wrong('GUID', text);
    const bytes = new Uint8Array(guid.size);
    guid.write(viewOf(bytes), 0, text);
    out.push(bytes);
    out[0]![0]! |= 1 << i;
  }
  return concatBytes(out);
}

/** What follows the account: a condition or an attribute, for the types that have one. */
function parseData(type: number, text: string | undefined, entry: string): Uint8Array {
  const isAttribute = type === RESOURCE_TYPE;
  if ((isAttribute || CALLBACK_TYPES.has(type)) !== (text !== undefined))
    throw wrong('entry for this type', `(${entry})`);
  if (text === undefined) return new Uint8Array(0);
  return isAttribute ? parseAttribute(text, sid) : parseCondition(text, sid);
}

function parseAce(text: string): Uint8Array {
  const fields = /^([^;]*);([^;]*);([^;]*);([^;]*);([^;]*);([^;]*)(?:;\s*\((.*)\)\s*)?$/s.exec(text);
  const [type = '', flags = '', rights = '', object = '', inherited = '', account = ''] = (fields ?? [])
    .slice(1)
    .map((field?: string) => field?.trim());
  const number = ACE_TYPES.get(type.toUpperCase());
  if (fields === null || number === undefined) throw wrong('access control entry', `(${text})`);
  const data = parseData(number, fields[7], text);
  const hasObjects = OBJECT_TYPES.has(number);
  if (!hasObjects && (object !== '' || inherited !== '')) throw wrong('entry for this type', `(${text})`);
  const content = concatBytes([...(hasObjects ? [objectTypes(object, inherited)] : []), sid(account), data]);
  const header = AceHeader.encode({
    type: number,
    flags: bits(flags, ACE_FLAGS, 'set of flags'),
    size: AceHeader.size + content.length,
    mask: mask(rights),
  });
  return concatBytes([header, content]);
}

/** Bits of `control` for the DACL; those for the SACL are one place higher, but for its presence. */
const ACL_FLAGS = new Map([
  ['P', Control.daclProtected],
  ['AR', Control.daclAutoInheritRequired],
  ['AI', Control.daclAutoInherited],
]);

/** An ACL's bytes (none when it is null) and the bits of `control` that go with it. */
function parseAcl(text: string, isSacl: boolean): { bytes: Uint8Array; control: number } {
  let control: number = isSacl ? Control.saclPresent : Control.daclPresent;
  const isNull = text.toUpperCase().endsWith(NULL_ACL);
  const body = isNull ? text.slice(0, -NULL_ACL.length) : text;
  const [flags = ''] = body.split('(', 1);
  for (let rest = flags.trim().toUpperCase(); rest !== ''; ) {
    const name = [...ACL_FLAGS.keys()].find((each) => rest.startsWith(each));
    if (name === undefined) throw wrong('set of ACL flags', flags);
    control |= ACL_FLAGS.get(name)! << (isSacl ? 1 : 0);
    rest = rest.slice(name.length);
  }
  const list = body.slice(flags.length).trim();
  const entries = splitEntries(list);
  if (entries === undefined || (isNull && list !== '')) throw wrong('list of entries', list);
  if (isNull) return { bytes: new Uint8Array(0), control };
  const aces = entries.map(parseAce);
  const content = concatBytes(aces);
  const size = AclHeader.size + content.length;
  if (size > MAX_ACL) throw new UsageError('SDDL: an ACL of more than 65535 bytes', { argument: 'sddl' });
  const revision = aces.some((ace) => OBJECT_TYPES.has(ace[0]!)) ? ACL_REVISION_OBJECTS : ACL_REVISION;
  return { bytes: concatBytes([AclHeader.encode({ revision, size, count: aces.length }), content]), control };
}

/** The parts of SDDL text by their letter; each begins with one of `O:`, `G:`, `D:`, `S:`. */
function splitParts(text: string): Map<string, string> {
  const parts = new Map<string, string>();
  // Conditions and attributes may hold anything, so what lies in parentheses is passed over.
  const outside = blankEntries(text);
  const starts = outside === undefined ? [] : [...outside.matchAll(/([OGDS]):/gi)];
  if (starts.length === 0 || starts[0]!.index !== 0) throw wrong('security descriptor', text);
  for (const [i, start] of starts.entries()) {
    const letter = start[1]!.toUpperCase();
    if (parts.has(letter)) throw wrong('security descriptor', text);
    parts.set(letter, text.slice(start.index + 2, starts[i + 1]?.index).trim());
  }
  return parts;
}

/**
 * The self-relative security descriptor of SDDL text ([MS-DTYP] section 2.5.1).
 * @throws UsageError when the text is none
 * @throws UnsupportedFeatureError for names that depend on a domain
 */
export function parseSddl(text: string): Uint8Array {
  const parts = splitParts(text.trim());
  let control: number = Control.selfRelative;
  let at = DescriptorHeader.size;
  const contents: Uint8Array[] = [];
  const place = (bytes: Uint8Array): number => {
    if (bytes.length === 0) return 0;
    contents.push(bytes);
    at += bytes.length;
    return at - bytes.length;
  };
  const acl = (letter: string): number => {
    const part = parts.get(letter);
    if (part === undefined) return 0;
    const { bytes, control: own } = parseAcl(part, letter === 'S');
    control |= own;
    return place(bytes);
  };
  const account = (letter: string): number => {
    const part = parts.get(letter);
    return part === undefined ? 0 : place(sid(part));
  };
  // Windows puts the lists before the identifiers.
  const [sacl, dacl] = [acl('S'), acl('D')];
  const [owner, group] = [account('O'), account('G')];
  return concatBytes([DescriptorHeader.encode({ revision: 1, control, owner, group, sacl, dacl }), ...contents]);
}
