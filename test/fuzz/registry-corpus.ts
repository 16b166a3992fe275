import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CreateHiveOptions, createHive, type Hive, RegistryType } from '@vmcraft/format-regf';
import { pattern } from '@vmcraft/testkit';
import type { Sample } from './fuzz-group.js';

/** Every structure there is: lists that are split, big data, class names, several descriptors, free cells. */
async function fill(hive: Hive, count: number): Promise<void> {
  const { root } = hive;
  await root.setValue('text', 'REG_SZ', 'some text');
  await root.setValue('list', 'REG_MULTI_SZ', ['one', 'two']);
  const values = await root.createKey('Values');
  for (const [name, type] of Object.entries(RegistryType)) await values.setValue(name, type, pattern(type * 3));
  await values.setValue('имя', 'REG_DWORD', 1);
  await values.setValue('long', 'REG_BINARY', pattern(17_000));
  await values.setClassName('a class');
  const many = await root.createKey('Many');
  for (let i = 0; i < count; i++) await many.createSubkey(`Many ${i}`);
  for (let i = 0; i < count; i += 5) await many.deleteSubkey(`Many ${i}`);
  const deep = await root.createKey('a\\b\\c\\d\\e\\f\\g\\h');
  await deep.setValue('', 'REG_EXPAND_SZ', '%SystemRoot%\\x');
  const secured = await root.createKey('Secured\\Below');
  await secured.setSecurity('O:BAG:BAD:PAI(A;CI;KA;;;BA)(A;CIIO;KR;;;BU)S:(AU;SAFA;KA;;;WD)');
}

/** The one with split lists takes longest, and gets the fewest mutations. */
const KINDS: readonly (readonly [name: string, options: CreateHiveOptions, count: number, weight: number])[] = [
  ['hive-1.3', { minorVersion: 3 }, 60, 2],
  ['hive-1.5', { minorVersion: 5 }, 560, 1],
  ['hive-1.6', { minorVersion: 6, rootName: 'корень' }, 30, 3],
];

/** Make all samples below `folder`. */
export async function makeRegistryCorpus(folder: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const [name, options, count, weight] of KINDS) {
    const hive = await createHive(options);
    await fill(hive, count);
    await hive.commit();
    const path = join(folder, name);
    writeFileSync(path, await hive.bytes());
    samples.push({ name, kind: 'hive', format: 'raw', path, weight });
    samples.push({ name: `${name}-resealed`, kind: 'resealed', format: 'raw', path, weight: weight * 2 });
  }
  return samples;
}
