// node write.mjs IMAGE FOLDER: copy a folder of the host to the root of /dev/sda, and commit.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { GuestFS } from 'vmcraft';

const [, , image, folder] = process.argv;
const g = await GuestFS.open(image);
await g.mount('/dev/sda', '/');
async function copy(from, to) {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      await g.mkdir(`${to}/${entry.name}`);
      await copy(join(from, entry.name), `${to}/${entry.name}`);
    } else {
      await g.upload(join(from, entry.name), `${to}/${entry.name}`);
    }
  }
}
await copy(folder, '');
await g.close();
