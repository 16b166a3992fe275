import { decodeUtf8, toHex } from '@vmcraft/core/binary';
import { brokenDer, childrenOf, type DerElement, objectId, readElement, Tag } from './der.js';

/** Object ids (RFC 2315, section 14; Microsoft, "Windows Authenticode Portable Executable Signature Format"; wincrypt.h, mscat.h). */
const Oid = {
  signedData: '1.2.840.113549.1.7.2',
  trustList: '1.3.6.1.4.1.311.10.1',
  indirectData: '1.3.6.1.4.1.311.2.1.4',
  nameValue: '1.3.6.1.4.1.311.12.2.1',
  commonName: '2.5.4.3',
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
} as const;

/** Hash algorithms that catalogs use. */
export type CatalogHash = 'sha1' | 'sha256';
const HASHES: Readonly<Record<string, CatalogHash>> = { [Oid.sha1]: 'sha1', [Oid.sha256]: 'sha256' };

/** A file that a catalog vouches for. */
export interface CatalogMember {
  readonly algorithm: CatalogHash;
  /** Hexadecimal digits, lower case: of the whole file, or of a program without its signature. */
  readonly digest: string;
  /** Name that the catalog's maker recorded; matching goes by the digest alone. */
  readonly file?: string;
}

/** What a catalog says. Whom to trust of its signers is for the guest to decide. */
export interface Catalog {
  readonly members: readonly CatalogMember[];
  /** Common names of the certificates that signed it; empty when it is not signed. */
  readonly signers: readonly string[];
}

/** Common text of units of two bytes, big-endian or little-endian, up to a NUL. */
function text16(bytes: Uint8Array, littleEndian: boolean): string {
  const units: number[] = [];
  for (let i = 0; i + 1 < bytes.length; i += 2) {
    const unit = littleEndian ? bytes[i]! | (bytes[i + 1]! << 8) : (bytes[i]! << 8) | bytes[i + 1]!;
    if (unit === 0) break;
    units.push(unit);
  }
  return units.map((unit) => String.fromCharCode(unit)).join('');
}

/** Reads one catalog; holds its name for errors. */
class CatalogReader {
  constructor(private readonly name: string) {}

  read(bytes: Uint8Array): Catalog {
    const info = this.#children(readElement(this.name, bytes));
    if (objectId(info[0]) !== Oid.signedData) throw brokenDer(this.name, 0, 'no PKCS #7 signed data');
    const wrapped = this.#need(info[1], Tag.context0, 'signed data');
    const signed = this.#children(this.#need(this.#children(wrapped)[0], Tag.sequence, 'signed data'));
    const content = this.#children(this.#need(signed[2], Tag.sequence, 'content'));
    if (objectId(content[0]) !== Oid.trustList) throw brokenDer(this.name, signed[2]!.at, 'no certificate trust list');
    const list = this.#children(this.#need(content[1], Tag.context0, 'trust list'))[0];
    return { members: this.#members(this.#need(list, Tag.sequence, 'trust list')), signers: this.#signers(signed) };
  }

  #children(element: DerElement): DerElement[] {
    return childrenOf(this.name, element);
  }

  #need(element: DerElement | undefined, tag: number, what: string): DerElement {
    if (element?.tag === tag) return element;
    throw brokenDer(this.name, element?.at ?? 0, `no ${what} where the catalog must have it`);
  }

  /** CTL_INFO: usage, identifier, time, algorithm, then the subjects. Those of an empty list are left out. */
  #members(list: DerElement): CatalogMember[] {
    const sequences = this.#children(list).filter(({ tag }) => tag === Tag.sequence);
    const subjects = sequences[2];
    return subjects === undefined ? [] : this.#children(subjects).flatMap((subject) => this.#member(subject));
  }

  /** A subject: an identifier, and a set of attributes. */
  #member(subject: DerElement): CatalogMember[] {
    const attributes = this.#children(this.#need(this.#children(subject)[1], Tag.set, 'attributes'));
    let member: Omit<CatalogMember, 'file'> | undefined;
    let file: string | undefined;
    for (const attribute of attributes) {
      const [type, values] = this.#children(attribute);
      const value = values === undefined ? undefined : this.#children(values)[0];
      if (value === undefined) continue;
      if (objectId(type) === Oid.indirectData) member = this.#digest(value);
      if (objectId(type) === Oid.nameValue) file ??= this.#fileName(value);
    }
    return member === undefined ? [] : [{ ...member, ...(file === undefined ? {} : { file }) }];
  }

  /** SpcIndirectDataContent: what is hashed, then DigestInfo. Undefined for algorithms that are not known. */
  #digest(value: DerElement): Omit<CatalogMember, 'file'> | undefined {
    const info = this.#children(this.#need(this.#children(value)[1], Tag.sequence, 'digest'));
    const algorithm = HASHES[objectId(this.#children(this.#need(info[0], Tag.sequence, 'algorithm'))[0])];
    const digest = this.#need(info[1], Tag.octetString, 'digest').content;
    return algorithm === undefined ? undefined : { algorithm, digest: toHex(digest) };
  }

  /** CAT_NAMEVALUE: tag, flags, value. */
  #fileName(value: DerElement): string | undefined {
    const [tag, , data] = this.#children(value);
    const isFile = tag?.tag === Tag.bmpString && text16(tag.content, false) === 'File';
    return isFile && data !== undefined ? text16(data.content, true) : undefined;
  }

  /** Subjects of the certificates whose serial numbers the signers name. RFC 2315, sections 9.1, 9.2. */
  #signers(signed: readonly DerElement[]): string[] {
    const infos = signed.at(-1);
    if (infos?.tag !== Tag.set || signed.length < 4) return [];
    const certificates = signed.find(({ tag }) => tag === Tag.context0);
    const known = new Map(
      (certificates === undefined ? [] : this.#children(certificates)).map((c) => this.#certificate(c)),
    );
    return this.#children(infos).map((signer) => {
      const serial = this.#children(this.#need(this.#children(signer)[1], Tag.sequence, 'signer'))[1];
      return known.get(toHex(serial?.content ?? new Uint8Array(0))) ?? 'a certificate that the catalog lacks';
    });
  }

  /** Serial number and common name. RFC 5280, section 4.1. */
  #certificate(certificate: DerElement): readonly [string, string] {
    const body = this.#children(this.#need(this.#children(certificate)[0], Tag.sequence, 'certificate'));
    const fields = body[0]?.tag === Tag.context0 ? body.slice(1) : body;
    const [serial, , , , subject] = fields;
    return [toHex(this.#need(serial, Tag.integer, 'serial number').content), this.#commonName(subject)];
  }

  #commonName(subject: DerElement | undefined): string {
    for (const set of this.#children(this.#need(subject, Tag.sequence, 'subject'))) {
      for (const pair of this.#children(set)) {
        const [type, value] = this.#children(pair);
        if (objectId(type) !== Oid.commonName || value === undefined) continue;
        return value.tag === Tag.bmpString ? text16(value.content, false) : decodeUtf8(value.content);
      }
    }
    return '';
  }
}

/**
 * Read a catalog file (`.cat`): the hashes of the files that it vouches for, and who signed it.
 * Microsoft, "Catalog Files and Digital Signatures"; "Windows Authenticode Portable Executable Signature Format".
 * @param name of the file, for errors
 * @throws CorruptImageError when it is no catalog
 */
export function readCatalog(bytes: Uint8Array, name: string): Catalog {
  return new CatalogReader(name).read(bytes);
}
