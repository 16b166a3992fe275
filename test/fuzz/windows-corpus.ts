import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { samHive } from '../windows/look-alike/account-hives.js';
import { catalogOf } from '../windows/look-alike/catalog-file.js';
import { release } from '../windows/look-alike/releases.js';
import type { Sample } from './fuzz-group.js';

const SAMPLES = fileURLToPath(new URL('../../packages/os-windows/test/samples', import.meta.url));

/** Signed catalogs of real packages. */
const SIGNED = [fileURLToPath(new URL('../../../shared/data/driver/qemufwcfg/qemufwcfg.cat', import.meta.url))];

/** Driver INFs in three encodings, catalogs (signed ones where the data has some), and values of accounts in both forms of the SAM. */
export function makeWindowsCorpus(folder: string): Sample[] {
  const samples: Sample[] = ['viostor.inf', 'vioscsi.inf', 'netkvm.inf'].map((name) => {
    copyFileSync(join(SAMPLES, name), join(folder, name));
    return { name, kind: 'inf', format: 'raw', path: join(folder, name) };
  });
  samples.push(...catalogs(folder));
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

function catalogs(folder: string): Sample[] {
  const members = ['viostor.inf', 'netkvm.inf'].map((file) => ({ file, bytes: readFileSync(join(SAMPLES, file)) }));
  const made = join(folder, 'made.cat');
  writeFileSync(made, catalogOf(members));
  const signed = SIGNED.filter((path) => existsSync(path));
  return [made, ...signed].map((path) => ({ name: basename(path), kind: 'catalog', format: 'raw', path, weight: 2 }));
}

/** Value F of an account domain with an AES key. The RC4 form has a checksum that every change breaks. */
function domainKeyValue(): Uint8Array {
  const f = Buffer.alloc(0xd0, 0x5a);
  for (const [i, value] of [2, 0x70, 16, 32].entries()) f.writeUInt32LE(value, 0x68 + i * 4);
  return new Uint8Array(f);
}
