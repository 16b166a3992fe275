// Labels of SELinux for what commands make, judged by libselinux's matchpathcon.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from '../../vmcraft/src/index.js';
import { FileContexts, UnknownContext } from '../src/file-contexts.js';
import { GUEST_NEEDS, smallGuest } from './small-guest.js';
import { type TestImage, traces } from './support.js';

const label = (type: string): string => `system_u:object_r:${type}:s0`;
const line = (pattern: string, type: string, kind = ''): string => `${pattern}\t${kind}\t${label(type)}\n`;

/** In the order and with the kinds of patterns that a policy of Fedora has. */
const CONTEXTS =
  '# a comment\n' +
  line('/.*', 'default_t') +
  line('/[^/]+', 'etc_runtime_t', '--') +
  line('/(opt|srv)/.*', 'usr_t') +
  line('/bin/.*', 'bin_t') +
  line('/etc/.*', 'etc_t') +
  line('/tmp/.*', 'tmp_t') +
  '/tmp/lost\\+found/.*\t<<none>>\n' +
  line('/etc/ssh/ssh_host.*_key(\\.pub)?', 'sshd_key_t', '--') +
  line('/etc/[mg]dm(/.*)?', 'xdm_etc_t') +
  line('/etc/rc\\.d/init\\.d/[^/\\.]*', 'initrc_exec_t', '--') +
  line('/root(/.*)?', 'admin_home_t') +
  line('/usr/lib(64)?/.*\\.so(\\.[^/]*)*', 'lib_t', '--') +
  line('/usr/(.*/)?bin(/.*)?', 'bin_t') +
  line('/var/[xgkw]dm(/.*)?', 'xserver_log_t') +
  line('/var/log/.*', 'var_log_t') +
  line('/var/log', 'var_log_t', '-d') +
  line('/var/run/.*\\.*pid', 'var_run_t') +
  line('/dev/[shmxv]d[^/]*', 'fixed_disk_device_t', '-b') +
  line('/', 'root_t', '-d') +
  line('/etc/passwd[-\\+]?', 'passwd_file_t', '--') +
  line('/etc/shadow.*', 'shadow_t', '--') +
  line('/etc/motd', 'etc_motd_t');
const SUBS = '/run /var/run\n/usr/lib64 /usr/lib\n/home2 /root\n';

const PATHS: readonly (readonly [path: string, kind: string, mode: number])[] = [
  ['/', 'dir', 0o040755],
  ['/file', 'file', 0o100644],
  ['/folder', 'dir', 0o040755],
  ['/opt/a/b', 'file', 0o100644],
  ['/optional', 'dir', 0o040755],
  ['/bin/sh', 'file', 0o100755],
  ['/etc', 'dir', 0o040755],
  ['/etc/motd', 'file', 0o100644],
  ['/etc/motd.d', 'dir', 0o040755],
  ['/etc/passwd', 'file', 0o100644],
  ['/etc/passwd-', 'file', 0o100644],
  ['/etc/passwd+', 'file', 0o100644],
  ['/etc/passwd', 'dir', 0o040755],
  ['/etc/ssh/ssh_host_rsa_key', 'file', 0o100600],
  ['/etc/ssh/ssh_host_rsa_key.pub', 'file', 0o100600],
  ['/etc/ssh/ssh_host_rsa_key.pub', 'symlink', 0o120777],
  ['/etc/gdm', 'dir', 0o040755],
  ['/etc/gdm/custom.conf', 'file', 0o100644],
  ['/etc/rc.d/init.d/network', 'file', 0o100755],
  ['/etc/rc.d/init.d/net.work', 'file', 0o100755],
  ['/root', 'dir', 0o040700],
  ['/root/.bashrc', 'file', 0o100600],
  ['/home2/x', 'file', 0o100600],
  ['/usr/lib64/libc.so.6', 'file', 0o100755],
  ['/usr/lib/libc.so', 'file', 0o100755],
  ['/usr/local/bin/tool', 'file', 0o100755],
  ['/usr/bin', 'dir', 0o040755],
  ['/var/log', 'dir', 0o040755],
  ['/var/log/messages', 'file', 0o100600],
  ['/run/sshd.pid', 'file', 0o100600],
  ['/runner', 'dir', 0o040755],
  ['/dev/sda', 'block', 0o060660],
  ['/tmp/x y', 'file', 0o100644],
];

describe.runIf(requireTools('matchpathcon'))('file contexts', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vmcraft-labels-test-'));
    await writeFile(join(folder, 'file_contexts'), CONTEXTS);
    await writeFile(join(folder, 'file_contexts.subs_dist'), SUBS);
    await writeFile(join(folder, 'file_contexts.local'), line('/opt/local(/.*)?', 'local_t'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('are found as libselinux finds them', () => {
    const contexts = new FileContexts([CONTEXTS, line('/opt/local(/.*)?', 'local_t')], [SUBS]);
    const cases = [...PATHS, ['/opt/local/x', 'file', 0o100644] as const];
    for (const [path, kind, mode] of cases) {
      const words = ['-N', '-n', '-f', join(folder, 'file_contexts'), '-m', kind, path];
      const theirs = execFileSync('matchpathcon', words, { encoding: 'utf8' }).trim();
      expect(`${path} ${kind} ${contexts.lookup(path, mode)}`).toBe(`${path} ${kind} ${theirs}`);
    }
    expect(contexts.lookup('/tmp/lost+found/x', 0o100644)).toBeUndefined();
  });

  it('that are not understood are told, and hostile ones take no time', () => {
    const strange = new FileContexts([line('/a(?=b).*', 'x_t')], []);
    expect(() => strange.lookup('/ab', 0o100644)).toThrow(UnknownContext);
    const hostile = new FileContexts([line('/(a+)+b', 'x_t')], []);
    expect(hostile.lookup(`/${'a'.repeat(4000)}`, 0o100644)).toBeUndefined();
  });
});

describe.runIf(requireTools(...GUEST_NEEDS, 'setfattr'))('a guest with SELinux', { timeout: 60_000 }, () => {
  const images: TestImage[] = [];
  afterAll(async () => {
    for (const image of images) await image.dispose();
  });

  const guest = async (contexts: string, isLabelled: boolean): Promise<TestImage> => {
    const image = await smallGuest(false, async (root) => {
      const files = join(root, 'etc/selinux/targeted/contexts/files');
      await mkdir(files, { recursive: true });
      await writeFile(join(root, 'etc/selinux/config'), 'SELINUX=enforcing\nSELINUXTYPE=targeted\n');
      await writeFile(join(files, 'file_contexts'), contexts);
      if (isLabelled)
        execFileSync('sh', ['-c', `find . -exec setfattr -h -n security.selinux -v "${label('default_t')}" {} +`], {
          cwd: root,
        });
    });
    images.push(image);
    return image;
  };
  const labelOf = async (g: GuestFS, path: string): Promise<string | undefined> => {
    const found = (await g.lgetxattrs(path)).find(({ attrname }) => attrname === 'security.selinux');
    return found === undefined ? undefined : new TextDecoder().decode(found.attrval);
  };

  it('finds what a command made labelled by its policy, and what was there as it was', async () => {
    const image = await guest(CONTEXTS, true);
    const g = await GuestFS.open(image.path, { format: 'raw' });
    await g.mount('/dev/sda', '/');
    await g.sh(
      'echo x > /etc/shadow; mkdir -p /var/log/app; echo y > /var/log/app/log; ln -s /bin/sh /root/link; echo z >> /etc/hostname',
    );
    const expected = {
      '/etc/shadow': 'shadow_t',
      '/var/log/app': 'var_log_t',
      '/var/log/app/log': 'var_log_t',
      '/var/log': 'var_log_t',
      '/root/link': 'admin_home_t',
    };
    for (const [path, type] of Object.entries(expected)) expect(await labelOf(g, path), path).toBe(`${label(type)}\0`);
    expect(await labelOf(g, '/etc/hostname')).toBe(label('default_t'));
    expect(await g.exists('/.autorelabel')).toBe(false);
    await g.close();
    await image.check();
    expect(await traces()).toEqual([]);
  });

  it('is asked to label at its next boot when its policy is not understood, or it has no labels', async () => {
    for (const [contexts, isLabelled] of [
      [line('/(?!a).*', 'x_t'), true],
      [CONTEXTS, false],
    ] as const) {
      const image = await guest(contexts, isLabelled);
      const g = await GuestFS.open(image.path, { format: 'raw' });
      await g.mount('/dev/sda', '/');
      await g.sh('echo x > /etc/shadow');
      expect(await g.exists('/.autorelabel')).toBe(true);
      await g.close();
    }
  });
});
