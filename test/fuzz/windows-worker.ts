import { createHash } from 'node:crypto';
import type { Session } from '@vmcraft/core/guest';
import {
  InfFile,
  type InfTarget,
  readInfInstall,
  readInfModels,
  readInfVersion,
  readSourceFiles,
} from '@vmcraft/os-windows';
import { readCatalog } from '../../packages/os-windows/src/catalog/catalog.js';
import { verifySignature } from '../../packages/os-windows/src/catalog/signature.js';
import { domainKey, HashCipher } from '../../packages/os-windows/src/sam/hash-cipher.js';
import { UserField } from '../../packages/os-windows/src/sam/layout.js';
import { userField, userName, withUserField } from '../../packages/os-windows/src/sam/user-value.js';
import { mutateSample } from './mutation-loop.js';

const TARGETS: readonly InfTarget[] = [
  { architecture: 'amd64', major: 10, minor: 0, build: 19045, productType: 1 },
  { architecture: 'x86', major: 6, minor: 1, build: 7601, productType: 3 },
];
/** A session as far as hashing goes. */
const hashing = {
  platform: {
    hash: (algorithm: string) => {
      const hash = createHash(algorithm);
      return { update: (bytes: Uint8Array) => void hash.update(bytes), digest: () => hash.digest('hex') };
    },
  },
} as unknown as Session;
const KEY = new Uint8Array(16).fill(1);

function readInf(bytes: Uint8Array): void {
  const inf = InfFile.parse(bytes);
  for (const target of TARGETS) {
    readInfVersion(inf, target);
    readSourceFiles(inf, target);
    for (const { installSection } of readInfModels(inf, target).devices) readInfInstall(inf, installSection, target);
  }
}

async function readUser(v: Uint8Array): Promise<void> {
  userName(v);
  const cipher = new HashCipher({ key: KEY, revision: 1 }, 1001);
  const stored = userField(v, UserField.NT_HASH);
  await cipher.open(stored, 'nt');
  withUserField(v, UserField.NT_HASH, await cipher.seal(KEY, 'nt', stored, KEY));
}

await mutateSample(async (kind, data) => {
  const bytes = data.read(0, data.size);
  if (kind === 'inf') readInf(bytes);
  else if (kind === 'catalog') {
    verifySignature(hashing, bytes, 'fuzz.cat');
    readCatalog(bytes, 'fuzz.cat');
  } else if (kind === 'user') await readUser(bytes);
  else await domainKey(bytes, KEY);
});
