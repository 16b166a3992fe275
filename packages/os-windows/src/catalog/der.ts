import { CorruptImageError } from '@vmcraft/core/errors';

/** Elements that one structure may have. */
const MAX_ELEMENTS = 100_000;

/** Tags with class and constructed bit (X.690, section 8.1.2). */
export const Tag = {
  integer: 0x02,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
} as const;

/** One element of a DER structure (X.690, section 8.1). */
export interface DerElement {
  readonly tag: number;
  /** Offset of the element in the file. */
  readonly at: number;
  /** A view of its contents. */
  readonly content: Uint8Array;
  readonly contentAt: number;
  /** A view of all of it, tag and length too. */
  readonly whole: Uint8Array;
}

/** @throws CorruptImageError */
export function brokenDer(name: string, offset: number, reason: string): CorruptImageError {
  return new CorruptImageError({ structure: name, offset, reason, citation: 'X.690' });
}

/** The element at `from`. @throws CorruptImageError when it does not fit */
export function readElement(
  name: string,
  bytes: Uint8Array,
  from = 0,
  base = 0,
): DerElement & { readonly end: number } {
  const at = base + from;
  const first = bytes[from + 1];
  if (first === undefined) throw brokenDer(name, at, 'an element is cut off');
  let length = first;
  let content = from + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    // DER has no indefinite length, and a file has no need of more than four bytes of length.
    if (count === 0 || count > 4) throw brokenDer(name, at, 'a length that DER does not have');
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[content + i] ?? 0);
    content += count;
  }
  const end = content + length;
  if (end > bytes.length) throw brokenDer(name, at, `an element of ${length} bytes ends behind what holds it`);
  const whole = bytes.subarray(from, end);
  return { tag: bytes[from]!, at, content: bytes.subarray(content, end), contentAt: base + content, whole, end };
}

/** The elements that a constructed element, or a file, consists of. @throws CorruptImageError when they do not fill it */
export function readElements(name: string, bytes: Uint8Array, base = 0): DerElement[] {
  const out: DerElement[] = [];
  for (let from = 0; from < bytes.length; ) {
    const element = readElement(name, bytes, from, base);
    out.push(element);
    if (out.length > MAX_ELEMENTS) throw brokenDer(name, element.at, `more than ${MAX_ELEMENTS} elements`);
    from = element.end;
  }
  return out;
}

/** What an element consists of. */
export const childrenOf = (name: string, element: DerElement): DerElement[] =>
  readElements(name, element.content, element.contentAt);

/** Dotted text of an object id (X.690, section 8.19); of other elements, nothing. */
export function objectId(element: DerElement | undefined): string {
  if (element?.tag !== Tag.objectId) return '';
  const numbers: number[] = [];
  let value = 0;
  for (const byte of element.content) {
    value = value * 128 + (byte & 0x7f);
    if (value > Number.MAX_SAFE_INTEGER / 256) return '';
    if ((byte & 0x80) !== 0) continue;
    numbers.push(value);
    value = 0;
  }
  const [first = 0, ...rest] = numbers;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...rest].join('.');
}
