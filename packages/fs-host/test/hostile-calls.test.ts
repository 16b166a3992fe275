// What a program of a hostile guest asks of the kernel, past namespaces and mounts.
import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from '../../vmcraft/src/index.js';
import { GUEST_NEEDS, smallGuest } from './small-guest.js';
import { type TestImage, traces } from './support.js';

/** Name of an abstract socket of this host. */
const ABSTRACT = `vmcraft-test-${process.pid}`;
const DENIED = /^-1 (Operation not permitted|Permission denied)$/;
/** A kernel without modules, for example. */
const DENIED_OR_ABSENT = /^-1 (Operation not permitted|Permission denied|Function not implemented)$/;

interface Numbers {
  readonly [name: string]: number;
}
const X86_64: Numbers = {
  ptrace: 101,
  syslog: 103,
  init_module: 175,
  settimeofday: 164,
  swapon: 167,
  acct: 163,
  setns: 308,
  iopl: 172,
  process_vm_readv: 310,
};
const AARCH64: Numbers = {
  ptrace: 117,
  syslog: 116,
  init_module: 105,
  settimeofday: 170,
  swapon: 224,
  acct: 89,
  setns: 268,
  process_vm_readv: 270,
};
const CALLS = process.arch === 'arm64' ? AARCH64 : X86_64;
const IO_URING_SETUP = 425;
const OPEN_TREE = 428;
const MOUNT_SETATTR = 442;
const X32 = 0x40000000;
const CLONE_NEWUSER = 0x10000000;

describe.runIf(requireTools(...GUEST_NEEDS))('calls of a hostile program', { timeout: 60_000 }, () => {
  let image: TestImage;
  let g: GuestFS;
  let server: Server;
  let heard = 0;

  beforeAll(async () => {
    image = await smallGuest(false);
    g = await GuestFS.open(image.path, { format: 'raw' });
    await g.mount('/dev/sda', '/');
    server = createServer((socket) => {
      heard += 1;
      socket.end('host\n');
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(`\0${ABSTRACT}`, resolve));
  });

  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
    await g.rollback();
    expect(await traces()).toEqual([]);
    await image.dispose();
  });

  const perl = (code: string, network = false): Promise<string> =>
    g.command(['/usr/bin/perl', '-e', code], { network });
  const call = (number: number, ...args: readonly (number | string)[]): Promise<string> =>
    perl(`my $b = "\\0" x 4096; my $root = "/"; print syscall(${[number, ...args].join(', ')}), " $!"`);

  it('traces, reads and signals nothing of ours', async () => {
    const PTRACE_ATTACH = 16;
    expect(await call(CALLS.ptrace!, PTRACE_ATTACH, 1, 0, 0)).toMatch(DENIED);
    const copy = `my $b = "\\0" x 64; my $i = pack("PJ", $b, 8); print syscall(${CALLS.process_vm_readv}, 1, $i, 1, $i, 1, 0), " $!"`;
    expect(await perl(copy)).toMatch(DENIED);
    expect(await perl(copy.replace(', 1, $i', () => ', 0 + $$, $i'))).toMatch(/^8 /);
    for (const file of ['mem', 'maps', 'environ', 'auxv', 'syscall', 'stack'])
      expect(
        await perl(`print open(my $f, "<", "/proc/1/${file}") && defined sysread($f, my $b, 1) ? 1 : 0`),
        file,
      ).toBe('0');
    expect(await perl('kill 9, 1; kill 19, 1; select undef, undef, undef, 0.05; print "alive"')).toBe('alive');
    expect(await perl('print readlink("/proc/1/ns/mnt") // "none", readlink("/proc/1/fd/1") // 0')).toBe('none0');
  });

  it('enters no namespace, and makes none of users', async () => {
    expect(
      await perl(`open(my $f, "<", "/proc/self/ns/net"); print syscall(${CALLS.setns}, fileno($f), 0), " $!"`),
    ).toMatch(DENIED);
    expect(await call(OPEN_TREE, -100, '$root', 1)).toMatch(DENIED);
    expect(await call(MOUNT_SETATTR, -100, '$root', 0, '$b', 32)).toMatch(/^-1 /);
    for (const kind of ['cgroup', 'cgroup2', 'proc', 'sysfs', 'devtmpfs', 'debugfs', 'securityfs', 'overlay', 'bpf'])
      expect((await g.session.commands.run(['mount', '-t', kind, 'x', '/tmp'])).status, kind).not.toBe(0);
    expect(await g.sh('ls -A /tmp')).toBe('');
  });

  it('reaches no module, clock, port, swap or accounting of the kernel, and not its log', async () => {
    for (const name of ['init_module', 'settimeofday', 'swapon', 'acct', 'iopl'] as const) {
      const number = CALLS[name];
      if (number !== undefined)
        expect(await call(number, name === 'iopl' ? 3 : '$b', 0, '$b'), name).toMatch(DENIED_OR_ABSENT);
    }
    const READ_ALL = 3;
    expect(await call(CALLS.syslog!, READ_ALL, '$b', 4096)).toMatch(DENIED);
    expect(await call(IO_URING_SETUP, 8, '$b')).toMatch(DENIED);
  });

  it.runIf(process.arch === 'x64')('reaches no call by the numbers of x32', async () => {
    for (const number of [272, 321, 248])
      expect(await call(X32 + number, CLONE_NEWUSER, '$b', '$b')).toMatch(/^-1 Function not impl/);
  });

  it('has no kind of socket that passes by network namespaces', async () => {
    const families = { vsock: 40, alg: 38, bluetooth: 31, can: 29, tipc: 30, x25: 9, rds: 21, kcm: 41, xdp: 44 };
    for (const [name, family] of Object.entries(families))
      for (const network of [false, true])
        expect(await perl(`print socket(my $s, ${family}, 1, 0) ? "open" : "$!"`, network), name).toMatch(
          /not supported/,
        );
    expect(
      await perl('print socket(my $s, 2, 1, 0) && socket(my $t, 1, 1, 0) && socket(my $u, 16, 3, 0) ? "open" : "$!"'),
    ).toBe('open');
  });

  it('with the network of the host, reads no packets, and reaches no abstract socket', async () => {
    const packet = 'print socket(my $s, 17, 3, 0x0300) ? "open" : "$!"';
    expect(await perl(packet, true)).toMatch(/not permitted/);
    expect(await perl('print socket(my $s, 2, 3, 1) ? "open" : "$!"', true)).toMatch(/not permitted/);
    const to = (form: string) =>
      `socket(my $s, 1, 1, 0); print connect($s, pack("S ${form}", 1, "\\0${ABSTRACT}")) ? "connected" : "$!"`;
    // Its name is as long as the address, or ends with the text: as the version of Node has it.
    const forms = ['a*', 'a108'].map(to);
    const outside = forms.map((code) => execFileSync('perl', ['-e', code]).toString());
    await new Promise((resolve) => setTimeout(resolve, 50));
    const heardBefore = heard;
    expect(outside).toContain('connected');
    const connect = forms[outside.indexOf('connected')] as string;
    expect(await perl(connect)).toMatch(/refused|not permitted/);
    expect(await perl(connect, true)).toMatch(/not permitted/);
    expect(heard).toBe(heardBefore);
    expect(await perl('print socket(my $s, 2, 1, 0) ? "open" : "$!"', true)).toBe('open');
  });

  it('has no terminal to type on', async () => {
    const TIOCSTI = 0x5412;
    expect(
      await perl(
        `my $c = "x"; print open(my $t, "+<", "/dev/tty") ? 1 : 0; for (0..9) { open(my $f, "<&=", $_) or next; print ioctl($f, ${TIOCSTI}, $c) ? "typed" : "" }`,
      ),
    ).toBe('0');
    expect(await g.sh('ls -l /proc/self/fd/0; ls /dev/console 2>/dev/null || true')).toMatch(/-> \/dev\/null\n$/);
  });

  it('is told little of this host', async () => {
    expect(
      await g.sh(
        'cd /proc; cat cmdline modules partitions diskstats swaps iomem interrupts locks | wc -c; ls pressure',
      ),
    ).toBe('0\n');
    expect(await g.sh('find /sys -type f | sort')).toBe(
      ['online', 'possible', 'present'].map((name) => `/sys/devices/system/cpu/${name}\n`).join(''),
    );
    expect(await g.sh('find /sys -type l | wc -l; cat /proc/self/cgroup | grep -c vmcraft || true')).toBe('0\n0\n');
    expect((await g.session.commands.run(['sh', '-c', 'echo x > /sys/devices/system/cpu/online'])).status).not.toBe(0);
  });
});
