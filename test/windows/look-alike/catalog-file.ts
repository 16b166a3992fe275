import { createHash } from 'node:crypto';

/** One element of DER. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second].concat(
    rest.flatMap((number) => {
      const groups = [number & 0x7f];
      for (let left = number >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
      return groups;
    }),
  );
  return der(0x06, Buffer.from(bytes));
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const set = (...parts: readonly Uint8Array[]): Buffer => der(0x31, ...parts);
const octets = (bytes: Uint8Array): Buffer => der(0x04, bytes);
const integer = (...bytes: readonly number[]): Buffer => der(0x02, Buffer.from(bytes));
const NULL = der(0x05);
const wide = (text: string): Buffer => Buffer.from(`${text}\0`, 'utf16le');

/** The bytes that the hash of a look-alike's program covers: all but checksum and the entry of its signature, which it lacks. */
function hashed(bytes: Buffer): Buffer {
  if (bytes.toString('latin1', 0, 2) !== 'MZ') return bytes;
  const optional = bytes.readUInt32LE(0x3c) + 24;
  const directory = optional + (bytes.readUInt16LE(optional) === 0x20b ? 144 : 128);
  return Buffer.concat([
    bytes.subarray(0, optional + 64),
    bytes.subarray(optional + 68, directory),
    bytes.subarray(directory + 8),
  ]);
}

function member(file: string, bytes: Buffer): Buffer {
  const isProgram = bytes.toString('latin1', 0, 2) === 'MZ';
  const digest = createHash('sha256').update(hashed(bytes)).digest();
  const name = sequence(
    oid('1.3.6.1.4.1.311.12.2.1'),
    set(sequence(der(0x1e, Buffer.from('\0F\0i\0l\0e')), integer(0x10, 0x01, 0x00, 0x01), octets(wide(file)))),
  );
  const kind = oid(isProgram ? '1.3.6.1.4.1.311.2.1.15' : '1.3.6.1.4.1.311.2.1.25');
  const hash = sequence(sequence(oid('2.16.840.1.101.3.4.2.1'), NULL), octets(digest));
  return sequence(
    octets(wide(digest.toString('hex'))),
    set(name, sequence(oid('1.3.6.1.4.1.311.2.1.4'), set(sequence(sequence(kind), hash)))),
  );
}

/** An unsigned catalog of these files: its layout is that of Windows' catalogs, the list of signers is empty. */
export function catalogOf(files: readonly { readonly file: string; readonly bytes: Buffer }[]): Uint8Array {
  const list = sequence(
    sequence(oid('1.3.6.1.4.1.311.12.1.1')),
    octets(Buffer.alloc(16, 1)),
    der(0x17, Buffer.from('250101000000Z')),
    sequence(oid('1.3.6.1.4.1.311.12.1.3'), NULL),
    sequence(...files.map(({ file, bytes }) => member(file, bytes))),
  );
  const content = sequence(oid('1.3.6.1.4.1.311.10.1'), der(0xa0, list));
  return sequence(oid('1.2.840.113549.1.7.2'), der(0xa0, sequence(integer(1), set(), content, set())));
}
