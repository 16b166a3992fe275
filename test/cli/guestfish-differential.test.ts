import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { asGuestfish, cli, ext4Disk, scratchFolder } from './run-cli.js';

/** Each command is run in both; a leading `-` keeps the script going. Marked lines, so that a difference shows its command. */
const COMMANDS = [
  'mount /dev/sda1 /',
  'write /hello "hi there\\n"',
  'cat /hello',
  'mkdir /d',
  'touch "/d/a b"',
  'touch /d/c1',
  'touch /d/c2',
  'ls /d',
  'mkdir /d',
  'cat /nosuch',
  'cat /d',
  'cat relative',
  'rmdir /d',
  'chmod 0640 /hello',
  'chown 12 34 /hello',
  'utimens /hello 1 2 3 4',
  'filesize /hello',
  'exists /hello',
  'exists /nosuch',
  'is-dir /hello',
  'is-dir /d',
  'is-file /hello',
  'is-symlink /hello',
  'umask 027',
  'get-umask',
  'umask 022',
  'mkdir-p /a/b/c',
  'mkdir-mode /m 0700',
  'ln /hello /hard',
  'ln-s ../../../etc /lnk',
  'ln-sf /hello /d/slink',
  'readlink /lnk',
  'readlink /hello',
  'cat /d/slink',
  'cp /hello /copy',
  'cp-a /d /d2',
  'mv /copy /moved',
  'rm /hard',
  'rm /nosuch',
  'rm-f /nosuch',
  'find /d',
  'find /',
  'glob echo /d/*',
  'glob echo /d/* /d/c*',
  'glob echo /nosuch*',
  'glob file /d/c*',
  'setxattr user.a bin 3 /hello',
  'getxattr /hello user.a',
  'getxattrs /hello',
  'lgetxattrs /hello',
  'removexattr user.a /hello',
  'getxattrs /hello',
  'truncate-size /hello 1K',
  'filesize /hello',
  'truncate-size /hello 1GG',
  'checksum md5 /hello',
  'checksum sha256 /hello',
  'checksum crc /hello',
  'checksum nosuch /hello',
  'head /etc/lines',
  'head-n 2 /etc/lines',
  'tail-n 2 /etc/lines',
  'wc-l /etc/lines',
  'wc-c /etc/lines',
  'wc-w /etc/lines',
  'grep line /etc/lines',
  'grep nosuch /etc/lines',
  'grep "LINE 1" /etc/lines insensitive:true',
  'grep "line 1" /etc/lines fixed:true',
  'strings /etc/binary',
  'hexdump /etc/binary',
  'read-lines /etc/lines',
  'read-file /etc/lines',
  'pread /etc/lines 4 2',
  // guestfish's cat ends at the first NUL.
  'truncate-size /hello 9',
  'pwrite /hello XYZ 3',
  'cat /hello',
  'file /etc/lines',
  'upload -<<END /up\nline1\nline2\nEND',
  'cat /up',
  'download /up -',
  'list-filesystems',
  'list-partitions',
  'list-devices',
  'part-list /dev/sda',
  'part-get-parttype /dev/sda',
  'part-get-mbr-id /dev/sda 1',
  'part-get-bootable /dev/sda 1',
  'part-to-dev /dev/sda1',
  'part-to-partnum /dev/sda1',
  'part-get-name /dev/sda 1',
  'blockdev-getsize64 /dev/sda',
  'blockdev-getsz /dev/sda1',
  'blockdev-getss /dev/sda',
  'vfs-type /dev/sda1',
  'vfs-label /dev/sda1',
  'vfs-uuid /dev/sda1',
  'get-e2label /dev/sda1',
  'get-e2uuid /dev/sda1',
  'mounts',
  'mountpoints',
  'device-index /dev/sda',
  'canonical-device-name /dev/vda',
  'case-sensitive-path /D/C1',
  'case-sensitive-path /nosuch/C1',
  'realpath /d/../d/slink',
  'is-blockdev /hello',
  'is-blockdev /hello followsymlinks:maybe',
  'mknod 010777 1 2 /fifo',
  'mknod-c 0600 1 3 /null',
  'is-chardev /null',
  'mkfifo 0644 /pipe',
  'is-fifo /pipe',
  'echo-daemon "a \'b c\' d"',
  'version x',
  'stat',
  'stat /hello x',
  'chmod xyz /hello',
  'mount /dev/sdz /',
  'nosuch-command',
  'lstatnslist / "hello nosuch"',
  'readlinklist / "lnk hello"',
  'find0 /d -',
  'copy-size /etc/lines /part 5',
  'cat /part',
  'rm-rf /a',
  'ls /',
  'fill 65 5 /filled',
  'cat /filled',
  'fill-pattern ab 5 /filled',
  'cat /filled',
  'write-append /filled "+\\x41"',
  'cat /filled',
  'lstat /lnk',
  'statns /hello',
  'lstatns /lnk',
  'is-zero /hello',
  'is-whole-device /dev/sda',
  'is-whole-device /dev/sda1',
  'part-get-gpt-type /dev/sda 1',
  'part-get-mbr-part-type /dev/sda 1',
  'equal /etc/lines /etc/lines',
  'equal /etc/lines /etc/binary',
  'egrep "line (1|2) " /etc/lines',
  'fgrepi "LINE 3" /etc/lines',
  'strings-e l /etc/binary',
  'head-n 0 /etc/lines',
  'head-n -18 /etc/lines',
  'tail /etc/lines',
  'tail-n +19 /etc/lines',
  'acl-get-file /hello access',
  'acl-set-file /hello access u::rw-,g::r--,o::---',
  'acl-get-file /hello access',
  'acl-get-file /hello nosuch',
  'acl-delete-def-file /d',
  'acl-get-file /d default',
  'lsetxattr user.l v 1 /hello',
  'lgetxattr /hello user.l',
  'lremovexattr user.l /hello',
  'dd /etc/lines /ddcopy',
  'copy-file-to-file /etc/lines /cff srcoffset:3 size:10',
  'cat /cff',
  'write-file /wf abc 2',
  'cat /wf',
  'read-file /nosuch',
  'read-lines /nosuch',
  'list-disk-labels',
  'list-dm-devices',
  'nr-devices',
  'mountable-device /dev/sda1',
  'blockdev-getro /dev/sda',
  'get-e2attrs /hello',
  'set-e2attrs /hello A',
  'get-e2attrs /hello',
  'set-e2attrs /hello A clear:true',
  'get-e2attrs /hello',
  'filesystem-available ext4',
  'filesystem-available nosuch',
  'file /d',
  'file /lnk',
  'file /nosuch',
  'ln-f /etc/lines /cff',
  'rmdir /d',
  'rmdir /hello',
  'mkdir /d',
  'mkdir /x/y',
  'touch /nosuch/x',
  'truncate /nosuch',
  'truncate-size /hello -1',
  'cp-r /d /d3',
  'du /etc',
  'base64-out /etc/binary -',
  'ls /hello',
  'll /nosuch',
  'download /nosuch -',
  'mountpoint /',
  'umount /',
  'cat /hello',
  'mount-ro /dev/sda1 /',
  'write /hello x',
  'cat /filled',
];

/** Where the two are known to differ, and why that is right. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'cat relative': 'both refuse it; the words differ',
  'part-get-name /dev/sda 1': 'both refuse it; the words differ',
  'case-sensitive-path /nosuch/C1': 'both refuse it; the words differ',
  'find0 /d -': 'as find; and the order is that of the directory',
  'find /d': 'guestfs(3) says names without a leading slash; guestfish 1.48 puts one before names below a directory',
};

function script(disk: string): string {
  const marked = COMMANDS.map(
    (command) => `!printf '\\n== %s\\n' '${command.split('\n')[0]!.replaceAll("'", "'\\''")}'\n-${command}\n`,
  );
  return `add ${disk} format:raw\nrun\n${marked.join('')}`;
}

/** Output by command. Error lines lose their place in the script and the inner name that the daemon adds. */
function byCommand(text: string): Map<string, string> {
  const parts = text.split(/^== /m).slice(1);
  return new Map(
    parts.map((part, i) => [
      `${i}: ${part.slice(0, part.indexOf('\n'))}`,
      normalise(part.slice(part.indexOf('\n') + 1)),
    ]),
  );
}

function normalise(text: string): string {
  return text
    .replace(/^[^\n]*:\d+: libguestfs: error: (.*)$/gm, (_, message: string) => `error: ${cause(message)}`)
    .replace(/^(\s*(st_)?(ino|blocks|[amc]time(_n?sec)?|dev)): .*$/gm, '$1: …');
}

/** Only the path and the cause count: guestfish names inner functions (`download` for `cat`), ours may add a reason. */
function cause(message: string): string {
  return message
    .replace(/^(\w+: )+/, '')
    .replace(/ \([^)]*\)$/, '')
    .toLowerCase();
}

const ready = requireTools('guestfish', 'mke2fs', 'sfdisk', 'qemu-system-x86_64', 'root');

describe.runIf(ready)('guestfish and vmcraft under its name run one script', () => {
  const folder = scratchFolder();
  let theirs: Map<string, string>;
  let ours: Map<string, string>;

  beforeAll(async () => {
    const tree = join(folder, 'tree/etc');
    mkdirSync(tree, { recursive: true });
    writeFileSync(join(tree, 'lines'), Array.from({ length: 20 }, (_, i) => `line ${i} of the file\n`).join(''));
    writeFileSync(
      join(tree, 'binary'),
      Buffer.concat([Buffer.alloc(40), Buffer.from('hello world\n'), Buffer.from([0xff, 1, 2])]),
    );
    ext4Disk(join(folder, 'a.img'), { from: join(folder, 'tree') });
    copyFileSync(join(folder, 'a.img'), join(folder, 'b.img'));
    writeFileSync(join(folder, 'theirs.fish'), script('a.img'));
    writeFileSync(join(folder, 'ours.fish'), script('b.img'));
    const env = { ...process.env, LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' };
    theirs = byCommand(
      execFileSync('/bin/sh', ['-c', 'guestfish -f theirs.fish 2>&1'], {
        cwd: folder,
        env,
        maxBuffer: 1 << 26,
      }).toString('utf8'),
    );
    const program = asGuestfish(folder);
    const run = `'${process.execPath}' '${program}' -f ours.fish 2>&1`;
    ours = byCommand(execFileSync('/bin/sh', ['-c', run], { cwd: folder, maxBuffer: 1 << 26 }).toString('utf8'));
  }, 600_000);

  it('to the end', () => {
    expect([...ours.keys()]).toEqual([...theirs.keys()]);
    expect(theirs.size).toBe(COMMANDS.length);
  });

  it('with the same output for every command', () => {
    const differences: Record<string, { theirs: string | undefined; ours: string | undefined }> = {};
    for (const [command, text] of theirs) {
      const name = command.replace(/^\d+: /, '');
      if (ours.get(command) !== text && !(name in DIFFERENT))
        differences[command] = { theirs: text, ours: ours.get(command) };
    }
    expect(differences).toEqual({});
  });

  it('and leaves the same tree, which e2fsck finds clean', async () => {
    const listing = async (disk: string): Promise<string> => {
      const { stdout } = await cli([
        'ls',
        '-lR',
        '--uids',
        '--checksum=sha256',
        '-m',
        '/dev/sda1',
        join(folder, disk),
        '/',
      ]);
      return stdout.replace(/^d (\d+) +\d+/gm, 'd $1 …');
    };
    expect(await listing('b.img')).toBe(await listing('a.img'));
    execFileSync('dd', ['if=b.img', 'of=b.fs', 'bs=1M', 'skip=1', 'status=none'], { cwd: folder });
    execFileSync('e2fsck', ['-fn', 'b.fs'], { cwd: folder, stdio: 'pipe' });
  });
});
