import { guid, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import {
  ACCESS_ALLOWED_CALLBACK_OBJECT_ACE,
  ACCESS_ALLOWED_OBJECT_ACE,
  ACCESS_DENIED_CALLBACK_OBJECT_ACE,
  ACCESS_DENIED_OBJECT_ACE,
  ACE_INHERITED_OBJECT_TYPE_PRESENT,
  ACE_OBJECT_TYPE_PRESENT,
  AceHeader,
  SYSTEM_AUDIT_CALLBACK_OBJECT_ACE,
  SYSTEM_AUDIT_OBJECT_ACE,
} from './layout-security.js';
import { decodeSid, encodeSid, sidLength } from './sid.js';

/** An entry of an access control list. */
export interface Ace {
  readonly type: number;
  readonly flags: number;
  readonly mask: number;
  readonly sid: string;
  /** GUID of an object ACE. */
  readonly objectType?: string;
  readonly inheritedObjectType?: string;
  /** Bytes behind the SID: the condition of a callback ACE, the attribute of a resource ACE. */
  readonly data?: Uint8Array;
}

const OBJECT_TYPES: ReadonlySet<number> = new Set([
  ACCESS_ALLOWED_OBJECT_ACE,
  ACCESS_DENIED_OBJECT_ACE,
  SYSTEM_AUDIT_OBJECT_ACE,
  ACCESS_ALLOWED_CALLBACK_OBJECT_ACE,
  ACCESS_DENIED_CALLBACK_OBJECT_ACE,
  SYSTEM_AUDIT_CALLBACK_OBJECT_ACE,
]);

/** Whether ACEs of this type may name object types. */
export function isObjectAce(type: number): boolean {
  return OBJECT_TYPES.has(type);
}

/**
 * Read the ACE that fills `data`, with a size that its header has already given.
 * @throws CorruptImageError when its parts do not fit
 */
export function decodeAce(data: Uint8Array): Ace {
  const { type, flags } = AceHeader.decode(data);
  const view = viewOf(data);
  if (data.length < 16) throw new CorruptImageError({ structure: 'ACE', reason: `${data.length} bytes` });
  const mask = view.getUint32(4, true);
  let at = 8;
  const types: { objectType?: string; inheritedObjectType?: string } = {};
  if (isObjectAce(type)) {
    const present = view.getUint32(at, true);
    at += 4;
    for (const [bit, name] of [
      [ACE_OBJECT_TYPE_PRESENT, 'objectType'],
      [ACE_INHERITED_OBJECT_TYPE_PRESENT, 'inheritedObjectType'],
    ] as const) {
      if ((present & bit) === 0) continue;
      if (at + guid.size > data.length)
        throw new CorruptImageError({ structure: 'ACE', field: name, reason: 'cut off' });
      types[name] = guid.read(view, at);
      at += guid.size;
    }
  }
  const end = at + sidLength(data, at);
  const rest = end < data.length ? { data: data.slice(end) } : {};
  return { type, flags, mask, sid: decodeSid(data, at), ...types, ...rest };
}

/** Bytes of an ACE. @throws UsageError when its SID is none */
export function encodeAce(ace: Ace): Uint8Array {
  const sid = encodeSid(ace.sid);
  const guids = [ace.objectType, ace.inheritedObjectType].filter((type) => type !== undefined);
  const start = isObjectAce(ace.type) ? 12 + guid.size * guids.length : 8;
  const length = start + sid.length + (ace.data?.length ?? 0);
  const data = new Uint8Array((length + 3) & ~3);
  const view = viewOf(data);
  AceHeader.encodeInto({ type: ace.type, flags: ace.flags, size: data.length }, data);
  view.setUint32(4, ace.mask, true);
  if (start > 8) {
    const objectType = ace.objectType === undefined ? 0 : ACE_OBJECT_TYPE_PRESENT;
    const inherited = ace.inheritedObjectType === undefined ? 0 : ACE_INHERITED_OBJECT_TYPE_PRESENT;
    view.setUint32(8, objectType | inherited, true);
    for (const [i, type] of guids.entries()) guid.write(view, 12 + guid.size * i, type);
  }
  data.set(sid, start);
  if (ace.data !== undefined) data.set(ace.data, start + sid.length);
  return data;
}
