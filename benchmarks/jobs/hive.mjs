// node hive.mjs HIVE: read every key and value of a registry hive, with its data decoded. Prints counts and the time of the walk alone.
// node hive.mjs --make HIVE COUNT: make a hive to be measured, of 100 groups of COUNT keys.
import { readFileSync, writeFileSync } from 'node:fs';
import { createHive, memorySource, openHive, visitKeys } from '@vmcraft/format-regf';

/** Keys as services have them: 100 groups, and in each key values of the usual kinds. */
async function make(path, count) {
  const hive = await createHive();
  for (let group = 0; group < 100; group++) {
    const parent = await hive.root.createKey(`ControlSet001\\Group ${group}`);
    for (let number = 0; number < count; number++) {
      const key = await parent.createSubkey(`{0d5f5e2a-${number}-${group}}`);
      await key.setValue('ImagePath', 'REG_EXPAND_SZ', `\\SystemRoot\\System32\\drivers\\driver${number}.sys`);
      await key.setValue('Start', 'REG_DWORD', number % 5);
      await key.setValue('Properties', 'REG_BINARY', new Uint8Array(40 + (number % 60)).fill(number));
    }
  }
  await hive.commit();
  writeFileSync(path, await hive.bytes());
}

async function walk(path) {
  const started = performance.now();
  const hive = await openHive(memorySource(readFileSync(path)));
  const sum = { keys: 0, values: 0, bytes: 0 };
  await visitKeys(hive.root, ({ key, values }) => {
    if (key.name !== undefined) sum.keys++;
    for (const value of values) {
      sum.values++;
      if (value.data !== undefined) sum.bytes += value.size;
    }
  });
  process.stdout.write(`${JSON.stringify({ ...sum, milliseconds: performance.now() - started })}\n`);
}

const [first, second, third] = process.argv.slice(2);
await (first === '--make' ? make(second, Number(third)) : walk(first));
