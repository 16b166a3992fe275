// node walk.mjs IMAGE: list and stat everything on /dev/sda. Prints counts and the time of the walk alone.
import { walkTree } from '@vmcraft/core/vfs';
import { GuestFS } from 'vmcraft';

const g = await GuestFS.open(process.argv[2], { readonly: true });
await g.mountRo('/dev/sda', '/');
const { vfs } = g.session;
const started = performance.now();
let entries = 0;
let bytes = 0;
for await (const { location } of walkTree(vfs, await vfs.resolve('/', 'walk'))) {
  const { size, mode } = await vfs.statAt(location);
  entries++;
  if ((mode & 0o170000) === 0o100000) bytes += size;
}
process.stdout.write(`${JSON.stringify({ entries, bytes, milliseconds: performance.now() - started })}\n`);
await g.close();
