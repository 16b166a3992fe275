import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { samHive } from '../windows/look-alike/account-hives.js';
import { release } from '../windows/look-alike/releases.js';
import type { Sample } from './fuzz-group.js';

const SAMPLES = fileURLToPath(new URL('../../packages/os-windows/test/samples', import.meta.url));

/** Driver INFs in three encodings, and values of accounts in both forms of the SAM. */
export function makeWindowsCorpus(folder: string): Sample[] {
  const samples: Sample[] = ['viostor.inf', 'vioscsi.inf', 'netkvm.inf'].map((name) => {
    copyFileSync(join(SAMPLES, name), join(folder, name));
    return { name, kind: 'inf', format: 'raw', path: join(folder, name) };
  });
  for (const id of ['win7-x64', 'win11-x64']) {
    const keys = samHive(release(id));
    const user = keys['SAM\\Domains\\Account\\Users\\000003E9']!;
    const path = join(folder, `user-${id}`);
    writeFileSync(path, user.V!.data);
    samples.push({ name: `user-${id}`, kind: 'user', format: 'raw', path, weight: 3 });
  }
  const path = join(folder, 'domain');
  writeFileSync(path, domainKeyValue());
  samples.push({ name: 'domain', kind: 'domain', format: 'raw', path, weight: 3 });
  return samples;
}

/** Value F of an account domain with an AES key. The RC4 form has a checksum that every change breaks. */
function domainKeyValue(): Uint8Array {
  const f = Buffer.alloc(0xd0, 0x5a);
  for (const [i, value] of [2, 0x70, 16, 32].entries()) f.writeUInt32LE(value, 0x68 + i * 4);
  return new Uint8Array(f);
}
