import { cbc } from '@noble/ciphers/aes.js';
import { concatBytes, equalBytes, fromHex, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import des from 'des.js';
import { md5 } from 'hash-wasm';
import {
  DOMAIN_KEY_OFFSET,
  HASH_HEADER_RC4,
  HASH_SIZE_RC4,
  KeyRevision,
  SamHashAes,
  SamKeyAes,
  SamKeyRc4,
} from './layout.js';
import { rc4 } from './rc4.js';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Constants that the keys are mixed with; each ends in NUL. */
const QWERTY = ascii('!@#$%^&*()qwertyUIOPAzxcvbnmQQQQQQQQQQQQ)(*@&%\0');
const DIGITS = ascii('0123456789012345678901234567890123456789\0');
/** Purposes of the two hashes of a user. */
const PURPOSE = { nt: ascii('NTPASSWORD\0'), lm: ascii('LMPASSWORD\0') } as const;

/** Which hash of a user. */
export type HashKind = keyof typeof PURPOSE;

/** The key that enciphers the hashes of a SAM. */
export interface DomainKey {
  /** 16 bytes. */
  readonly key: Uint8Array;
  /** See {@link KeyRevision}: what hashes without a form of their own get. */
  readonly revision: number;
}

/**
 * The key of the domain, deciphered with the boot key.
 * @param f value `F` of `SAM\Domains\Account`
 * @throws CorruptImageError when the boot key does not fit it, UnsupportedFeatureError for other revisions
 */
export async function domainKey(f: Uint8Array, bootKey: Uint8Array): Promise<DomainKey> {
  const data = f.subarray(DOMAIN_KEY_OFFSET);
  const revision = data.length < 4 ? 0 : viewOf(data).getUint32(0, true);
  if (revision === KeyRevision.RC4) return { key: await rc4DomainKey(data, bootKey), revision };
  if (revision === KeyRevision.AES) return { key: aesDomainKey(data, bootKey), revision };
  throw new UnsupportedFeatureError({ feature: `key revision ${revision}`, structure: 'SAM Domains\\Account F' });
}

async function rc4DomainKey(data: Uint8Array, bootKey: Uint8Array): Promise<Uint8Array> {
  const { salt, key, checksum } = SamKeyRc4.decode(data);
  const mixed = await digest(salt, QWERTY, bootKey, DIGITS);
  const plain = rc4(mixed, concatBytes([key, checksum]));
  const domain = plain.subarray(0, 16);
  const expected = await digest(domain, DIGITS, domain, QWERTY);
  if (equalBytes(expected, plain.subarray(16))) return domain;
  throw new CorruptImageError({ structure: 'SAM_KEY_DATA', field: 'checksum', reason: 'the boot key does not fit' });
}

function aesDomainKey(data: Uint8Array, bootKey: Uint8Array): Uint8Array {
  const { dataLength, salt } = SamKeyAes.decode(data);
  const sealed = data.subarray(SamKeyAes.size, SamKeyAes.size + dataLength);
  const isWhole = sealed.length === dataLength && dataLength >= 16 && dataLength % 16 === 0;
  if (!isWhole) {
    throw new CorruptImageError({
      structure: 'SAM_KEY_DATA_AES',
      field: 'dataLength',
      found: dataLength,
      expected: 32,
    });
  }
  return cbc(bootKey, salt, { disablePadding: true }).decrypt(sealed).subarray(0, 16);
}

/** Read or write the stored hashes of one user. */
export class HashCipher {
  constructor(
    private readonly domain: DomainKey,
    private readonly rid: number,
  ) {}

  /**
   * A stored hash in clear.
   * @returns undefined when the user has none
   * @throws CorruptImageError for a form that does not exist
   */
  async open(stored: Uint8Array, kind: HashKind): Promise<Uint8Array | undefined> {
    const revision = revisionOf(stored);
    if (revision === undefined) return undefined;
    const { key } = this.domain;
    if (revision === KeyRevision.RC4) {
      if (stored.length < HASH_SIZE_RC4) return undefined;
      const sealed = stored.subarray(HASH_HEADER_RC4, HASH_SIZE_RC4);
      return this.#des('decrypt', rc4(await this.#rc4Key(key, kind), sealed));
    }
    if (stored.length < SamHashAes.size + 16) return undefined;
    const { salt } = SamHashAes.decode(stored);
    const sealed = stored.subarray(SamHashAes.size, SamHashAes.size + 16);
    return this.#des('decrypt', cbc(key, salt, { disablePadding: true }).decrypt(sealed));
  }

  /**
   * A hash in the form that is stored, or the form for none.
   * @param before what is stored now: its form is kept
   * @param salt 16 random bytes, for the AES form
   */
  async seal(hash: Uint8Array | undefined, kind: HashKind, before: Uint8Array, salt: Uint8Array): Promise<Uint8Array> {
    const revision = revisionOf(before) ?? this.domain.revision;
    const { key } = this.domain;
    if (revision === KeyRevision.RC4) {
      const header = Uint8Array.of(1, 0, 1, 0);
      if (hash === undefined) return header;
      return concatBytes([header, rc4(await this.#rc4Key(key, kind), this.#des('encrypt', hash))]);
    }
    const header = SamHashAes.encode({ pekId: 1, revision: 2, dataOffset: hash === undefined ? 0 : 16, salt });
    if (hash === undefined) return SamHashAes.encode({ pekId: 1, revision: 2 });
    return concatBytes([header, cbc(key, salt).encrypt(this.#des('encrypt', hash))]);
  }

  #rc4Key(key: Uint8Array, kind: HashKind): Promise<Uint8Array> {
    return digest(key, this.#ridBytes(), PURPOSE[kind]);
  }

  #ridBytes(): Uint8Array {
    const out = new Uint8Array(4);
    viewOf(out).setUint32(0, this.rid, true);
    return out;
  }

  /** [MS-SAMR] 2.2.11.1.1: each half under DES with seven bytes of the relative id. */
  #des(type: 'encrypt' | 'decrypt', block: Uint8Array): Uint8Array {
    const [a = 0, b = 0, c = 0, d = 0] = this.#ridBytes();
    const halves = [
      [a, b, c, d, a, b, c],
      [d, a, b, c, d, a, b],
    ].map((seven, i) => {
      const cipher = des.DES.create({ type, key: desKey(seven), padding: false });
      return Uint8Array.from([...cipher.update(block.subarray(i * 8, i * 8 + 8)), ...cipher.final()]);
    });
    return concatBytes(halves);
  }
}

/** [MS-SAMR] 2.2.11.1.2: 56 bits spread over eight bytes; the parity bits do not count. */
function desKey(seven: readonly number[]): Uint8Array {
  let bits = 0n;
  for (const byte of seven) bits = (bits << 8n) | BigInt(byte);
  return Uint8Array.from({ length: 8 }, (_, i) => Number((bits >> BigInt(49 - i * 7)) & 0x7fn) << 1);
}

/** The form of a stored hash; undefined when nothing at all is stored. */
function revisionOf(stored: Uint8Array): number | undefined {
  if (stored.length < HASH_HEADER_RC4) return undefined;
  const revision = viewOf(stored).getUint16(2, true);
  if (revision === KeyRevision.RC4 || revision === KeyRevision.AES) return revision;
  throw new CorruptImageError({ structure: 'SAM hash', field: 'revision', expected: '1 or 2', found: revision });
}

async function digest(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  return fromHex(await md5(concatBytes(parts)));
}
