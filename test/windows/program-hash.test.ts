import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Session } from '@vmcraft/core/guest';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogDigest } from '../../packages/os-windows/src/catalog/program-hash.js';
import { portableExecutable } from './look-alike/machine-code.js';

/** A session as far as hashing goes. */
const hashing = {
  platform: {
    hash: (algorithm: string) => {
      const hash = createHash(algorithm);
      return { update: (bytes: Uint8Array) => void hash.update(bytes), digest: () => hash.digest('hex') };
    },
  },
} as unknown as Session;

describe.runIf(requireTools('osslsigncode', 'openssl'))('the hash of a program', () => {
  let folder = '';
  const at = (name: string): string => join(folder, name);
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-hash-'));
    const subject = ['-subj', '/CN=VMCraft test', '-days', '2', '-nodes'];
    const files = ['-keyout', at('key.pem'), '-out', at('cert.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject, ...files], { stdio: 'ignore' });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['x86', 'sha1'],
    ['amd64', 'sha256'],
    ['arm64', 'sha256'],
  ] as const)('%s, %s: as osslsigncode computes it, signed or not', (arch, algorithm) => {
    const program = portableExecutable(arch, 'native', 'driver');
    writeFileSync(at('plain.sys'), program);
    const sign = ['sign', '-h', algorithm, '-certs', at('cert.pem'), '-key', at('key.pem')];
    execFileSync('osslsigncode', [...sign, '-in', at('plain.sys'), '-out', at('signed.sys')]);
    const verify = ['verify', '-CAfile', at('cert.pem'), '-in', at('signed.sys')];
    const said = execFileSync('osslsigncode', verify, { encoding: 'utf8' });
    rmSync(at('signed.sys.bak'), { force: true });
    const digest = /Calculated message digest\s*:\s*([0-9A-F]+)/.exec(said)?.[1]?.toLowerCase();
    expect(digest).toMatch(/^[0-9a-f]{40,64}$/);
    expect(catalogDigest(hashing, program, algorithm)).toBe(digest);
    expect(catalogDigest(hashing, new Uint8Array(readFileSync(at('signed.sys'))), algorithm)).toBe(digest);
    rmSync(at('signed.sys'));
  });
});
