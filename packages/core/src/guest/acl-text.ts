import { CorruptImageError, UsageError } from '../errors/index.js';
import { ACL_UNDEFINED_ID, type AclEntry, AclTag, decodeAcl } from '../vfs/index.js';

/** Finds the number of a user or group name; undefined when there is no such name. */
export interface NameResolver {
  userId(name: string): number | undefined;
  groupId(name: string): number | undefined;
}

/** Entries of one list. */
const MAX_ENTRIES = 8192;
const MAX_ID = 0xfffffffe;

const TAGS: Readonly<Record<string, { named?: number; plain: number }>> = {
  u: { named: AclTag.User, plain: AclTag.UserObj },
  user: { named: AclTag.User, plain: AclTag.UserObj },
  g: { named: AclTag.Group, plain: AclTag.GroupObj },
  group: { named: AclTag.Group, plain: AclTag.GroupObj },
  m: { plain: AclTag.Mask },
  mask: { plain: AclTag.Mask },
  o: { plain: AclTag.Other },
  other: { plain: AclTag.Other },
};

const WORDS: ReadonlyMap<number, string> = new Map([
  [AclTag.UserObj, 'user'],
  [AclTag.User, 'user'],
  [AclTag.GroupObj, 'group'],
  [AclTag.Group, 'group'],
  [AclTag.Mask, 'mask'],
  [AclTag.Other, 'other'],
]);

/** Entries of an attribute value. @throws CorruptImageError */
export function decodeValue(value: Uint8Array): AclEntry[] {
  const entries = decodeAcl(value);
  if (entries === undefined) throw new CorruptImageError({ structure: 'posix_acl_xattr', reason: 'not a valid list' });
  return entries;
}

const permText = (perm: number): string =>
  `${(perm & 4) !== 0 ? 'r' : '-'}${(perm & 2) !== 0 ? 'w' : '-'}${(perm & 1) !== 0 ? 'x' : '-'}`;

/**
 * The long text form of acl(5), with numbers for users and groups.
 * @param effective say what the mask leaves of an entry where that is less, as acl_to_text(3)
 */
export function formatAcl(entries: readonly AclEntry[], effective = false): string {
  const mask = entries.find(({ tag }) => tag === AclTag.Mask)?.perm ?? 7;
  const lines = entries.map(({ tag, perm, id }) => {
    const isNamed = tag === AclTag.User || tag === AclTag.Group;
    const isMasked = isNamed || tag === AclTag.GroupObj;
    const note = effective && isMasked && (perm & ~mask) !== 0 ? `\t#effective:${permText(perm & mask)}` : '';
    return `${WORDS.get(tag) ?? 'other'}:${isNamed ? id : ''}:${permText(perm)}${note}\n`;
  });
  return lines.join('');
}

/**
 * Entries of a list in the long or short text form of acl(5), in the order in which they are stored.
 * @throws UsageError
 */
export function parseAcl(text: string, names: NameResolver): AclEntry[] {
  const entries: AclEntry[] = [];
  for (const line of text.split('\n')) {
    for (const word of line.replace(/#.*/, '').split(/[\s,]+/)) {
      if (word !== '') entries.push(parseEntry(word, names));
      if (entries.length > MAX_ENTRIES) throw invalid(`more than ${MAX_ENTRIES} entries`);
    }
  }
  return entries.sort((a, b) => a.tag - b.tag || a.id - b.id);
}

/** `user:500:rwx`; star(1) adds the number after a name as a fourth part. */
function parseEntry(word: string, names: NameResolver): AclEntry {
  const parts = word.split(':');
  const tag = TAGS[parts[0]!];
  if (tag === undefined || parts.length < 2 || parts.length > 4) throw invalid(`'${word}'`);
  const isShort = parts.length === 2 && tag.named === undefined;
  const [who, permissions] = isShort ? ['', parts[1]!] : [parts[1]!, parts[2] ?? ''];
  const perm = parsePermissions(permissions, word);
  if (who === '') return { tag: tag.plain, perm, id: ACL_UNDEFINED_ID };
  if (tag.named === undefined) throw invalid(`'${word}'`);
  const find = tag.named === AclTag.User ? names.userId.bind(names) : names.groupId.bind(names);
  const id = /^\d+$/.test(who) ? Number(who) : (find(who) ?? Number(parts[3] ?? Number.NaN));
  if (!Number.isInteger(id) || id < 0 || id > MAX_ID) throw invalid(`nobody is called '${who}'`);
  return { tag: tag.named, perm, id };
}

function parsePermissions(text: string, word: string): number {
  if (!/^[rwx-]{1,3}$/.test(text)) throw invalid(`'${word}'`);
  let perm = 0;
  for (const letter of text.replaceAll('-', '')) {
    const bit = letter === 'r' ? 4 : letter === 'w' ? 2 : 1;
    if ((perm & bit) !== 0) throw invalid(`'${word}'`);
    perm |= bit;
  }
  return perm;
}

function invalid(what: string): UsageError {
  return new UsageError(`acl: Invalid argument: ${what}`, { argument: 'acl' });
}

/** Whether a list has what acl_valid(3) asks for: each plain entry once, a mask where anyone is named, nobody twice. */
export function isValidAcl(entries: readonly AclEntry[]): boolean {
  const count = (tag: number): number => entries.filter((entry) => entry.tag === tag).length;
  const keys = entries.map(({ tag, id }) => `${tag}:${id}`);
  const isNamed = count(AclTag.User) + count(AclTag.Group) > 0;
  return (
    new Set(keys).size === keys.length &&
    count(AclTag.UserObj) === 1 &&
    count(AclTag.GroupObj) === 1 &&
    count(AclTag.Other) === 1 &&
    count(AclTag.Mask) >= (isNamed ? 1 : 0)
  );
}
