// node decrypt.mjs IMAGE KEYFILE: read an encrypted volume from start to end. Prints its length and the time of the reading alone.
import { readFileSync } from 'node:fs';
import { GuestFS } from 'vmcraft';

const RUN = 1 << 20;
const [, , image, keyFile] = process.argv;
const g = await GuestFS.open(image, { readonly: true, format: 'raw', keys: [readFileSync(keyFile)] });
const { device } = g.session.storage.find((await g.listDmDevices())[0]);
const started = performance.now();
let bytes = 0;
for (; bytes < device.size; bytes += RUN) await device.read(bytes, Math.min(RUN, device.size - bytes), { bulk: true });
const milliseconds = performance.now() - started;
process.stdout.write(`${JSON.stringify({ bytes: Math.min(bytes, device.size), milliseconds })}\n`);
await g.close();
