import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pattern } from '@vmcraft/testkit';

const FILES: Readonly<Record<string, string>> = {
  'etc/os-release': 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  'etc/debian_version': '12.11\n',
  'etc/hostname': 'sample\n',
  'etc/fstab': '/dev/sda1 / ext4 defaults 0 1\n',
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
  'var/lib/dpkg/status':
    'Package: dpkg\nStatus: install ok installed\nVersion: 1.21.22\nArchitecture: amd64\nDescription: x\n\n',
  'bin/ls': '#!/bin/sh\n',
  'home/user/empty': '',
  'home/user/name with spaces\nand a line': 'odd\n',
  'home/user/ümlaut': 'ü\n',
};

/** A disk with a partition and a small Debian look-alike on ext4, the same bytes each time. */
export function makeGuestDisk(): { readonly path: string; copy(name: string): string; dispose(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
  const tree = join(folder, 'tree');
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(join(tree, name, '..'), { recursive: true });
    writeFileSync(join(tree, name), text);
  }
  writeFileSync(join(tree, 'home/user/big'), pattern(3_000_001, 5));
  chmodSync(join(tree, 'bin/ls'), 0o4755);
  linkSync(join(tree, 'home/user/big'), join(tree, 'home/user/again'));
  symlinkSync('/etc/hostname', join(tree, 'home/user/absolute'));
  symlinkSync('../../etc/../etc/hostname', join(tree, 'home/user/relative'));
  symlinkSync('/proc/self/environ', join(tree, 'home/user/outside'));
  symlinkSync('loop', join(tree, 'home/user/loop'));
  const path = join(folder, 'disk.raw');
  const filesystem = join(folder, 'fs.raw');
  execFileSync('mke2fs', [
    '-q',
    '-t',
    'ext4',
    '-L',
    'root',
    '-U',
    'a0000000-0000-4000-8000-00000000000a',
    '-d',
    tree,
    filesystem,
    '62M',
  ]);
  execFileSync('truncate', ['-s', '64M', path]);
  execFileSync('sfdisk', ['-q', path], { input: 'label: gpt\nstart=2048, size=126976, type=L\n' });
  execFileSync('dd', [`if=${filesystem}`, `of=${path}`, 'bs=1M', 'seek=1', 'conv=notrunc,sparse', 'status=none']);
  return {
    path,
    copy: (name) => {
      copyFileSync(path, join(folder, name));
      return join(folder, name);
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}
