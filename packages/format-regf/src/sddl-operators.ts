/** Tokens of conditional expressions. [MS-DTYP] section 2.4.4.17. */

/** What a conditional expression begins with. [MS-DTYP] section 2.4.4.17.4. */
export const CONDITION_SIGNATURE = Uint8Array.of(0x61, 0x72, 0x74, 0x78);

/** Literals. [MS-DTYP] section 2.4.4.17.5. */
export const Literal = {
  padding: 0x00,
  int8: 0x01,
  int64: 0x04,
  text: 0x10,
  octets: 0x18,
  list: 0x50,
  sid: 0x51,
} as const;

/** Names of attributes begin so in text. [MS-DTYP] section 2.4.4.17.8. */
export const ATTRIBUTE_PREFIXES: ReadonlyMap<number, string> = new Map([
  [0xf8, ''],
  [0xf9, '@User.'],
  [0xfa, '@Resource.'],
  [0xfb, '@Device.'],
]);

/** Operators between an attribute and a value. [MS-DTYP] section 2.4.4.17.6. */
export const RELATIONS: ReadonlyMap<number, string> = new Map([
  [0x80, '=='],
  [0x81, '!='],
  [0x83, '<='],
  [0x82, '<'],
  [0x85, '>='],
  [0x84, '>'],
  [0x86, 'Contains'],
  [0x88, 'Any_of'],
  [0x8e, 'Not_Contains'],
  [0x8f, 'Not_Any_of'],
]);

/** Operators before an attribute. [MS-DTYP] section 2.4.4.17.7. */
export const EXISTENCE: ReadonlyMap<number, string> = new Map([
  [0x87, 'Exists'],
  [0x8d, 'Not_Exists'],
]);

/** Operators before identifiers. [MS-DTYP] section 2.4.4.17.6. */
export const MEMBERSHIP: ReadonlyMap<number, string> = new Map([
  [0x89, 'Member_of'],
  [0x8a, 'Device_Member_of'],
  [0x8b, 'Member_of_Any'],
  [0x8c, 'Device_Member_of_Any'],
  [0x90, 'Not_Member_of'],
  [0x91, 'Not_Device_Member_of'],
  [0x92, 'Not_Member_of_Any'],
  [0x93, 'Not_Device_Member_of_Any'],
]);

/** Operators on conditions. [MS-DTYP] section 2.4.4.17.7. */
export const Logic = { and: 0xa0, or: 0xa1, not: 0xa2 } as const;

/** How a number was written: sign, then base. [MS-DTYP] section 2.4.4.17.5. */
export const Sign = { plus: 1, minus: 2, none: 3 } as const;
/** Bases of numbers. */
export const Base = { octal: 1, decimal: 2, hexadecimal: 3 } as const;

/** Deepest nesting of an expression or a list. */
export const MAX_NESTING = 64;

/** A character of a name that text has as it is; others, and braces, are written `%XXXX`. [MS-DTYP] section 2.5.1.1, "attr-char2". */
const PLAIN = /[A-Za-z0-9#$'*+\-./:;?@[\\\]^_`~\u0080-\uffff]/;
/** The same of names without a prefix, "attr-char1". */
const SIMPLE = /[A-Za-z0-9:./_\u0080-\uffff]/;

/** A name as text. */
export function encodeName(name: string, hasPrefix: boolean): string {
  const plain = hasPrefix ? PLAIN : SIMPLE;
  let out = '';
  for (let i = 0; i < name.length; i++) {
    // A name without a prefix that begins with a digit would be read as a number.
    const isPlain = plain.test(name[i]!) && (hasPrefix || i > 0 || !/[0-9]/.test(name[0]!));
    out += isPlain ? name[i] : `%${name.charCodeAt(i).toString(16).padStart(4, '0')}`;
  }
  return out;
}

/** The name that text stands for. */
export function decodeName(text: string): string {
  return text.replaceAll(/%([0-9a-f]{4})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}
