import { equalBytes, fromHex, toHex } from '@vmcraft/core/binary';
import type { HashAlgorithm } from '@vmcraft/core/contracts';
import type { Session } from '@vmcraft/core/guest';
import { brokenDer, childrenOf, type DerElement, objectId, readElement, Tag } from './der.js';

/** Object ids (RFC 2315, section 14; RFC 3279, section 2.2; RFC 5754, section 2). */
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
const RSA = '1.2.840.113549.1.1.1';
const HASHES: Readonly<Record<string, HashAlgorithm>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
/** Algorithms of signatures that are RSA with padding of PKCS #1 1.5; older signers name the key's algorithm alone. */
const RSA_SIGNATURES: ReadonlySet<string> = new Set([
  RSA,
  '1.2.840.113549.1.1.5',
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
]);
/** Bytes of a public key's modulus and exponent. */
const MAX_MODULUS = 2048;
const MAX_EXPONENT = 8;
/** Each costs a computation with its key; catalogs have one, or one for each hash. */
const MAX_SIGNERS = 16;
const SIGNED_ATTRIBUTES = 0xa0;

/**
 * Whether a catalog is what its signers signed. `good`: each signature fits the catalog and the certificate beside it; whom those are
 * issued by is not looked at. `unknown`: signed with an algorithm that is not RSA with SHA.
 */
export type SignatureState = 'none' | 'good' | 'bad' | 'unknown';

interface PublicKey {
  readonly modulus: bigint;
  readonly exponent: bigint;
  /** Bytes of the modulus. */
  readonly size: number;
}

const numberOf = (bytes: Uint8Array): bigint => (bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`));

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base % modulus];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** Verifies the signatures of one catalog. */
class SignatureReader {
  constructor(
    private readonly g: Session,
    private readonly name: string,
  ) {}

  read(bytes: Uint8Array): SignatureState {
    const wrapped = this.#children(readElement(this.name, bytes))[1];
    const signed = this.#children(this.#children(wrapped)[0]);
    const infos = signed.at(-1);
    if (infos?.tag !== Tag.set || signed.length < 4) return 'none';
    const list = this.#children(this.#need(this.#children(signed[2])[1]))[0];
    const keys = new Map<string, PublicKey | undefined>();
    for (const certificate of signed.filter(({ tag }) => tag === Tag.context0).flatMap((c) => this.#children(c))) {
      keys.set(...this.#key(certificate));
    }
    const signers = this.#children(infos);
    if (signers.length > MAX_SIGNERS) throw brokenDer(this.name, infos.at, `it has ${signers.length} signers`);
    const states = signers.map((info) => this.#state(info, this.#need(list), keys));
    if (states.length === 0) return 'none';
    return states.find((state) => state === 'bad') ?? states.find((state) => state === 'unknown') ?? 'good';
  }

  #children(element: DerElement | undefined): DerElement[] {
    return childrenOf(this.name, this.#need(element));
  }

  #need(element: DerElement | undefined): DerElement {
    if (element !== undefined) return element;
    throw brokenDer(this.name, 0, 'its signature breaks off');
  }

  /** Serial number, and the key if it is one of RSA. RFC 5280, section 4.1; RFC 8017, appendix A.1.1. */
  #key(certificate: DerElement): [string, PublicKey | undefined] {
    const body = this.#children(this.#children(certificate)[0]);
    const fields = body[0]?.tag === Tag.context0 ? body.slice(1) : body;
    const serial = toHex(this.#need(fields[0]).content);
    const [algorithm, bits] = this.#children(fields[5]);
    if (objectId(this.#children(algorithm)[0]) !== RSA) return [serial, undefined];
    // The first byte of a bit string counts unused bits; a key has none.
    const key = this.#children(readElement(this.name, this.#need(bits).content.subarray(1)));
    const modulus = this.#need(key[0]).content;
    const exponent = this.#need(key[1]).content;
    const first = modulus.findIndex((byte) => byte !== 0);
    const size = modulus.length - first;
    if (first < 0 || size > MAX_MODULUS || exponent.length > MAX_EXPONENT) return [serial, undefined];
    return [serial, { modulus: numberOf(modulus), exponent: numberOf(exponent), size }];
  }

  /** RFC 2315, section 9.2 and 9.3. */
  #state(info: DerElement, list: DerElement, keys: ReadonlyMap<string, PublicKey | undefined>): SignatureState {
    const fields = this.#children(info);
    const serial = toHex(this.#need(this.#children(fields[1])[1]).content);
    const algorithm = HASHES[objectId(this.#children(fields[2])[0])];
    const attributes = fields[3]?.tag === SIGNED_ATTRIBUTES ? fields[3] : undefined;
    const [cipher, signature] = fields.slice(attributes === undefined ? 3 : 4);
    const key = keys.get(serial);
    const isRsa = RSA_SIGNATURES.has(objectId(this.#children(cipher)[0]));
    if (algorithm === undefined || key === undefined || !isRsa) return 'unknown';
    const digest = this.#hash(algorithm, list.content);
    if (attributes === undefined) return this.#isSigned(key, algorithm, digest, signature) ? 'good' : 'bad';
    if (!this.#children(attributes).some((attribute) => this.#isDigest(attribute, digest))) return 'bad';
    // Signed is the set of attributes by itself, with the tag of a set.
    const set = attributes.whole.slice();
    set[0] = Tag.set;
    return this.#isSigned(key, algorithm, this.#hash(algorithm, set), signature) ? 'good' : 'bad';
  }

  #isDigest(attribute: DerElement, digest: Uint8Array): boolean {
    const [type, values] = this.#children(attribute);
    if (objectId(type) !== MESSAGE_DIGEST) return false;
    const value = this.#children(values)[0];
    return value?.tag === Tag.octetString && equalBytes(value.content, digest);
  }

  #hash(algorithm: HashAlgorithm, bytes: Uint8Array): Uint8Array {
    const hasher = this.g.platform.hash(algorithm);
    hasher.update(bytes);
    return fromHex(hasher.digest());
  }

  /** EMSA-PKCS1-v1_5 (RFC 8017, section 9.2): zero, one, ones, zero, then the digest with its algorithm. */
  #isSigned(key: PublicKey, algorithm: HashAlgorithm, digest: Uint8Array, signature: DerElement | undefined): boolean {
    const sealed = this.#need(signature).content;
    if (sealed.length > key.size || key.modulus < 2n) return false;
    const plain = power(numberOf(sealed), key.exponent, key.modulus)
      .toString(16)
      .padStart(key.size * 2, '0');
    const opened = fromHex(plain);
    const gap = opened.indexOf(0, 1);
    if (opened[0] !== 0 || opened[1] !== 1 || gap < 10 || opened.subarray(2, gap).some((byte) => byte !== 0xff))
      return false;
    const [kind, value] = this.#digestInfo(opened.subarray(gap + 1));
    return HASHES[kind] === algorithm && equalBytes(value, digest);
  }

  /** All of it, so that nothing hides behind. */
  #digestInfo(bytes: Uint8Array): readonly [string, Uint8Array] {
    const none = ['', new Uint8Array(0)] as const;
    if (bytes[0] !== Tag.sequence || bytes[1] !== bytes.length - 2) return none;
    const [algorithm, digest] = this.#children(readElement(this.name, bytes));
    const kind = algorithm === undefined ? '' : objectId(this.#children(algorithm)[0]);
    return digest?.tag === Tag.octetString ? [kind, digest.content] : none;
  }
}

/**
 * Verify the signatures of a catalog against the certificates in it (RFC 2315, section 9).
 * @param name of the file, for errors
 * @throws CorruptImageError when it is no signed data
 */
export function verifySignature(g: Session, bytes: Uint8Array, name: string): SignatureState {
  return new SignatureReader(g, name).read(bytes);
}
