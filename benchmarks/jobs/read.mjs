// node read.mjs IMAGE PATH: read a file of /dev/sda from start to end. Prints its length and the time of the reading alone.
import { GuestFS } from 'vmcraft';

const [, , image, path] = process.argv;
const g = await GuestFS.open(image, { readonly: true });
await g.mountRo('/dev/sda', '/');
const started = performance.now();
let bytes = 0;
const file = await g.session.vfs.open(path, 'read');
for await (const chunk of file.stream()) bytes += chunk.length;
process.stdout.write(`${JSON.stringify({ bytes, milliseconds: performance.now() - started })}\n`);
await g.close();
