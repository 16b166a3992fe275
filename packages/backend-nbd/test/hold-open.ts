// Opens an image and waits to be killed. Says "opening" before it starts, so that a test can kill it at any moment after.
import { NodeHostFiles } from '@vmcraft/core/runtime';
import { NbdBackend } from '../src/backend.js';

const [path, format] = process.argv.slice(2) as [string, string];
process.stdout.write('opening\n');
const session = await new NbdBackend().open(
  { path, format, readonly: false },
  { files: new NodeHostFiles(), warn: () => undefined },
);
setInterval(() => void session.device.read(0, 512), 50);
