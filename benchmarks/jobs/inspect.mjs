// node inspect.mjs IMAGE: inspect a guest twice in one process. Prints the milliseconds of each.
import { GuestFS } from 'vmcraft';

const times = [];
for (let round = 0; round < 2; round++) {
  const started = performance.now();
  const g = await GuestFS.open(process.argv[2], { readonly: true });
  const [system] = await g.inspectOsInfo();
  if (system === undefined) throw new Error('no operating system was found');
  await g.close();
  times.push(performance.now() - started);
}
process.stdout.write(`${JSON.stringify({ first: times[0], again: times[1] })}\n`);
