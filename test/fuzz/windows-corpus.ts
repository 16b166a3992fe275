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
    return { name, kind: 'inf', format: 'raw', path: join(folder, name), weight: 3 };
  });
  for (const id of ['win7-x64', 'win11-x64']) {
    const keys = samHive(release(id));
    const user = keys['SAM\\Domains\\Account\\Users\\000003E9']!;
    for (const [kind, value] of [
      ['user', user.V],
      ['domain', keys['SAM\\Domains\\Account']!.F],
    ] as const) {
      const path = join(folder, `${kind}-${id}`);
      writeFileSync(path, value!.data);
      samples.push({ name: `${kind}-${id}`, kind, format: 'raw', path });
    }
  }
  return samples;
}
