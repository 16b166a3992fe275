import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isVmcraftError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import { requireTools, seededRandom } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCatalog } from '../../packages/os-windows/src/catalog/catalog.js';
import { childrenOf, type DerElement, readElement } from '../../packages/os-windows/src/catalog/der.js';
import { type SignatureState, verifySignature } from '../../packages/os-windows/src/catalog/signature.js';
import { catalogOf } from './look-alike/catalog-file.js';

const REAL = fileURLToPath(new URL('../../../shared/data/driver/qemufwcfg/qemufwcfg.cat', import.meta.url));

/** A session as far as hashing goes. */
const hashing = {
  platform: {
    hash: (algorithm: string) => {
      const hash = createHash(algorithm);
      return { update: (bytes: Uint8Array) => void hash.update(bytes), digest: () => hash.digest('hex') };
    },
  },
} as unknown as Session;

/** The bytes of the trust list in a catalog, as they are signed. */
function trustList(bytes: Uint8Array): Uint8Array {
  const inside = (element: DerElement | undefined): DerElement[] => childrenOf('test.cat', element!);
  const signed = inside(inside(inside(readElement('test.cat', bytes))[1])[0]);
  return inside(inside(signed[2])[1])[0]!.content;
}

/** What we say of a catalog; damage that leaves no signed data is as bad. */
function verdict(bytes: Uint8Array): SignatureState | 'corrupt' {
  try {
    return verifySignature(hashing, bytes, 'test.cat');
  } catch (error) {
    if (!isVmcraftError(error)) throw error;
    return 'corrupt';
  }
}

describe.runIf(requireTools('osslsigncode', 'openssl'))('signatures of catalogs', () => {
  let folder = '';
  const at = (name: string): string => join(folder, name);
  const plain = catalogOf([{ file: 'driver.sys', bytes: Buffer.from('a driver') }]);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-signature-'));
    const files = ['-keyout', at('key.pem'), '-out', at('cert.pem')];
    const subject = ['-subj', '/CN=VMCraft test', '-days', '2', '-nodes'];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject, ...files], { stdio: 'ignore' });
    writeFileSync(at('plain.cat'), plain);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Whether OpenSSL takes the signature, whoever made it; it must be told what is signed, as that is no plain data. */
  function accepted(bytes: Uint8Array): boolean {
    try {
      writeFileSync(at('list'), trustList(bytes));
    } catch {
      return false;
    }
    writeFileSync(at('ask.cat'), bytes);
    const args = ['smime', '-verify', '-noverify', '-inform', 'DER', '-in', at('ask.cat'), '-content', at('list')];
    return spawnSync('openssl', [...args, '-binary', '-out', '/dev/null'], { stdio: 'ignore' }).status === 0;
  }

  it('a catalog without one has none', () => expect(verdict(plain)).toBe('none'));

  it.each(['sha1', 'sha256', 'sha384', 'sha512'])(
    'with %s: good as signed, bad when changed, as OpenSSL says',
    (algorithm) => {
      const sign = ['sign', '-h', algorithm, '-certs', at('cert.pem'), '-key', at('key.pem')];
      rmSync(at('signed.cat'), { force: true });
      execFileSync('osslsigncode', [...sign, '-in', at('plain.cat'), '-out', at('signed.cat')], { stdio: 'ignore' });
      compare(new Uint8Array(readFileSync(at('signed.cat'))), 24, true);
      expect(readCatalog(readFileSync(at('signed.cat')), 'signed.cat').signers).toEqual(['VMCraft test']);
    },
  );

  it.runIf(requireTools(`data:${REAL}`))('of a driver that was published', { timeout: 60_000 }, () =>
    compare(new Uint8Array(readFileSync(REAL)), 40, false),
  );

  function compare(signed: Uint8Array, rounds: number, isLast: boolean): void {
    expect(verdict(signed)).toBe('good');
    expect(accepted(signed)).toBe(true);
    // One bit of what is signed is enough, and so is one of the signature, which comes last where there is no time stamp.
    const random = seededRandom(7);
    const list = trustList(signed);
    const spans: [number, number][] = [[Buffer.from(signed).indexOf(Buffer.from(list)), list.length]];
    if (isLast) spans.push([signed.length - 256, 256]);
    for (let round = 0; round < rounds; round++) {
      const copy = signed.slice();
      const [start, length] = spans[round % spans.length]!;
      const place = start + Math.floor(random() * length);
      copy[place]! ^= 1 << Math.floor(random() * 8);
      expect(['bad', 'corrupt'], `byte ${place}`).toContain(verdict(copy));
      expect(accepted(copy), `byte ${place}`).toBe(false);
    }
  }
});
