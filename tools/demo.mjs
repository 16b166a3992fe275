// `npm run demo`: everything a newcomer wants to see, on a bundled sample guest, with nothing but Node and npm on the machine.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, install, root } from './workspace.mjs';

process.stdout.write('Installing and building (the first time takes a minute) …\n');
install({ quiet: true });
build({ quiet: true });

const folder = mkdtempSync(join(tmpdir(), 'vmcraft-demo-'));
const disk = join(folder, 'debian.qcow2');
copyFileSync(`${root}/examples/sample-guest/debian.qcow2`, disk);

/** Show a command and run it. */
function show(comment, args) {
  process.stdout.write(
    `\n# ${comment}\n$ vmcraft ${args
      .map((a) => (/[^\w./:=-]/.test(a) ? `'${a}'` : a))
      .join(' ')
      .replaceAll(disk, 'debian.qcow2')}\n`,
  );
  const { status } = spawnSync(process.execPath, [`${root}/bin/vmcraft`, ...args], { stdio: 'inherit' });
  if (status !== 0) {
    process.stderr.write(`demo failed with exit status ${status}\n`);
    process.exitCode = 1;
  }
}

try {
  show('What is on this disk?', ['inspect', disk]);
  show('Read a file', ['cat', disk, '/etc/hostname']);
  show('Edit it: one transaction, committed at the end', [
    '--rw',
    '-a',
    disk,
    '-i',
    '--run',
    'write /etc/hostname "edited-by-vmcraft\\n"',
    '--run',
    'cat /etc/hostname',
  ]);
  show('The change is in the image', ['cat', disk, '/etc/hostname']);
  show('All its file systems', ['filesystems', '--long', disk]);
  process.stdout.write(`\nThe guest was a copy; try your own:  ./bin/vmcraft inspect disk.qcow2\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
