import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { formatAttribute } from './sddl-attribute.js';
import { formatCondition } from './sddl-condition-format.js';
import {
  ACE_FLAGS,
  ACE_TYPES,
  LABEL_RIGHTS,
  LABEL_TYPE,
  NULL_ACL,
  SID_NAMES,
  SINGLE_RIGHTS,
  WHOLE_RIGHTS,
} from './sddl-names.js';
import { type Ace, Control, decodeSecurityDescriptor, RESOURCE_TYPE } from './security-descriptor.js';

const NAME_OF_SID = new Map([...SID_NAMES].map(([name, sid]) => [sid, name]));
const NAME_OF_TYPE = new Map([...ACE_TYPES].map(([name, type]) => [type, name]));

function sidText(sid: string): string {
  return NAME_OF_SID.get(sid) ?? sid;
}

/** Names of all bits of `value`, or undefined when one has no name. */
function names(value: number, table: ReadonlyMap<string, number>): string | undefined {
  let [text, rest] = ['', value];
  for (const [name, bits] of table) {
    if ((value & bits) >>> 0 !== bits) continue;
    text += name;
    rest = (rest & ~bits) >>> 0;
  }
  return rest === 0 ? text : undefined;
}

function rights({ type, mask }: Ace): string {
  const hex = `0x${mask.toString(16)}`;
  if (type === LABEL_TYPE) return names(mask, LABEL_RIGHTS) ?? hex;
  for (const [name, bits] of WHOLE_RIGHTS) if (bits === mask) return name;
  return names(mask, SINGLE_RIGHTS) ?? hex;
}

function aceText(ace: Ace): string {
  const type = NAME_OF_TYPE.get(ace.type);
  const flags = names(ace.flags, ACE_FLAGS);
  if (type === undefined || flags === undefined || ace.sid === undefined) {
    throw new UnsupportedFeatureError({
      feature: `access control entry of type 0x${ace.type.toString(16)}, flags 0x${ace.flags.toString(16)} as SDDL`,
      workaround: 'use the bytes of the security descriptor',
    });
  }
  const head = `${type};${flags};${rights(ace)};${ace.object ?? ''};${ace.inheritedObject ?? ''};${sidText(ace.sid)}`;
  return `(${head}${dataText(ace)})`;
}

function dataText({ type, data }: Ace): string {
  if (data === undefined) return '';
  return `;(${type === RESOURCE_TYPE ? formatAttribute(data, sidText) : formatCondition(data, sidText)})`;
}

function aclText(aces: readonly Ace[] | null | undefined, flags: string): string {
  if (aces === undefined) return '';
  return flags + (aces === null ? NULL_ACL : aces.map(aceText).join(''));
}

function flagText(control: number, isProtected: number, required: number, inherited: number): string {
  const has = (bit: number, text: string): string => ((control & bit) === 0 ? '' : text);
  return has(isProtected, 'P') + has(required, 'AR') + has(inherited, 'AI');
}

/**
 * A self-relative security descriptor as SDDL text ([MS-DTYP] section 2.5.1).
 * @throws CorruptImageError when the bytes are no security descriptor
 * @throws UnsupportedFeatureError for entries that have no text
 */
export function formatSddl(descriptor: Uint8Array): string {
  const { control, owner, group, dacl, sacl } = decodeSecurityDescriptor(descriptor);
  const { daclProtected, daclAutoInheritRequired, daclAutoInherited } = Control;
  const { saclProtected, saclAutoInheritRequired, saclAutoInherited } = Control;
  const daclFlags = flagText(control, daclProtected, daclAutoInheritRequired, daclAutoInherited);
  const saclFlags = flagText(control, saclProtected, saclAutoInheritRequired, saclAutoInherited);
  return (
    (owner === undefined ? '' : `O:${sidText(owner)}`) +
    (group === undefined ? '' : `G:${sidText(group)}`) +
    (dacl === undefined ? '' : `D:${aclText(dacl, daclFlags)}`) +
    (sacl === undefined ? '' : `S:${aclText(sacl, saclFlags)}`)
  );
}
