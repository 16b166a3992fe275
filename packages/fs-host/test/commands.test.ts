import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from '../../vmcraft/src/index.js';
import { GUEST_NEEDS, smallGuest } from './small-guest.js';
import { type TestImage, traces } from './support.js';

describe.runIf(requireTools(...GUEST_NEEDS))('commands of the guest', { timeout: 60_000 }, () => {
  let image: TestImage;
  let g: GuestFS;

  beforeAll(async () => {
    image = await smallGuest(false);
    g = await GuestFS.open(image.path, { format: 'raw' });
    await g.mount('/dev/sda', '/');
  });

  afterAll(async () => {
    await g.close();
    await image.check();
    expect(await traces()).toEqual([]);
    await image.dispose();
  });

  const sh = (text: string): Promise<string> => g.sh(text);

  it('gives standard output, as text and as lines', async () => {
    expect(await g.command(['/bin/echo', 'one  two', "it's"])).toBe("one  two it's\n");
    expect(await g.commandLines(['ls', '/etc'])).toEqual(['hostname', 'passwd']);
    expect(await g.shLines('printf "a\\nb"')).toEqual(['a', 'b']);
    expect(await sh('exit 0')).toBe('');
  });

  it('keeps status and standard error', async () => {
    const result = await g.session.commands.run(['sh', '-c', 'echo out; echo err >&2; exit 7']);
    expect(result.status).toBe(7);
    expect(new TextDecoder().decode(result.stdout)).toBe('out\n');
    expect(new TextDecoder().decode(result.stderr)).toBe('err\n');
    await expect(sh('echo broken >&2; exit 3')).rejects.toThrow('/bin/sh ended with status 3: broken');
    expect((await g.session.commands.run(['sh', '-c', 'kill -9 $$'])).status).toBe(137);
    expect((await g.session.commands.run(['nothing-like-that'])).status).toBe(127);
    expect((await g.session.commands.run(['/etc/passwd'])).status).toBe(126);
  });

  it('changes the same files that the other functions see', async () => {
    await g.write('/tmp/in', 'from here');
    expect(await sh('cat /tmp/in; echo from there > /tmp/out; mkdir /made')).toBe('from here');
    expect(await g.cat('/tmp/out')).toBe('from there\n');
    await g.rmRf('/made');
    expect(await sh('ls -d /made 2>/dev/null || echo gone')).toBe('gone\n');
  });

  it('streams output as it comes, and a lot of it', async () => {
    let bytes = 0;
    const onOutput = (_stream: 1 | 2, chunk: Uint8Array): void => {
      bytes += chunk.length;
    };
    await g.session.commands.run(['dd', 'if=/dev/zero', 'bs=1M', 'count=100'], { onOutput });
    expect(bytes).toBeGreaterThanOrEqual(100 * 1024 * 1024);
  });

  it('waits for whoever takes its output slowly, and ends when that fails', async () => {
    let bytes = 0;
    let most = 0;
    const before = process.memoryUsage().arrayBuffers;
    const onOutput = async (_stream: 1 | 2, chunk: Uint8Array): Promise<void> => {
      if (bytes < 20 * 1024 * 1024) await new Promise((resolve) => setTimeout(resolve, 5));
      bytes += chunk.length;
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    };
    await g.session.commands.run(['dd', 'if=/dev/zero', 'bs=1M', 'count=200'], { onOutput });
    expect(bytes).toBeGreaterThanOrEqual(200 * 1024 * 1024);
    expect(most).toBeLessThan(100 * 1024 * 1024);
    const broken = () => Promise.reject(new Error('the disk of the host is full'));
    await expect(g.session.commands.run(['yes'], { onOutput: broken })).rejects.toThrow('the disk of the host is full');
    // It is killed while it waits.
    const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 2));
    const late = g.session.commands.run(['yes'], { onOutput: slow, timeout: 500 });
    await expect(late).rejects.toMatchObject({ code: 'VMC_LIMIT' });
  });

  it('ends at its limits of time and output, or when it is cancelled; nothing of it goes on', async () => {
    const { commands } = g.session;
    await expect(commands.run(['sleep', '100'], { timeout: 300 })).rejects.toMatchObject({ code: 'VMC_LIMIT' });
    await expect(commands.run(['yes'], { outputLimit: 1 << 20 })).rejects.toMatchObject({ code: 'VMC_LIMIT' });
    const signal = AbortSignal.timeout(200);
    await expect(commands.run(['sh', '-c', 'trap "" TERM INT; sleep 100'], { signal })).rejects.toMatchObject({
      code: 'VMC_ABORTED',
    });
    expect(await sh('sleep 1000 & echo started')).toBe('started\n');
    expect(await sh('ps | grep -c "[s]leep" || true')).toBe('0\n');
  });

  it('sees little: no variables, descriptors, processes, network or names of the host', async () => {
    expect((await g.command(['env'])).split('\n').filter(Boolean).sort()).toEqual([
      'HOME=/root',
      'LC_ALL=C',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'TERM=dumb',
    ]);
    expect((await sh('ls /proc/self/fd')).split('\n').filter(Boolean).length).toBeLessThanOrEqual(4);
    expect((await sh('ls /proc | grep -c "^[0-9]"')).trim()).toMatch(/^[2-5]$/);
    expect(await sh('ip -o link | wc -l')).toBe('1\n');
    expect(await sh('hostname')).toBe('small\n');
    expect(await sh('id -u; pwd')).toBe('0\n/\n');
  });

  it('has the network and the name servers of the host only when asked, and leaves resolv.conf as it was', async () => {
    const resolver = await g.sh('cat /etc/resolv.conf; ip -o link | wc -l', { network: true });
    expect(Number(resolver.trim().split('\n').at(-1))).toBeGreaterThanOrEqual(1);
    expect(await g.exists('/etc/resolv.conf')).toBe(false);
    await g.write('/etc/resolv.conf', 'nameserver 192.0.2.1\n');
    await g.sh('cat /etc/resolv.conf', { network: true });
    expect(await g.cat('/etc/resolv.conf')).toBe('nameserver 192.0.2.1\n');
    expect(await sh('cat /etc/resolv.conf')).toBe('nameserver 192.0.2.1\n');
  });

  it('finds the devices of the guest under their names', async () => {
    const uuid = await g.vfsUuid('/dev/sda');
    expect(await sh(`readlink /dev/disk/by-uuid/${uuid}`)).toMatch(/^\.\.\/\.\.\/(loop|nbd)\d+\n$/);
    expect(await sh('dd if=/dev/sda bs=1 skip=1080 count=2 2>/dev/null')).toHaveLength(2);
    expect(await sh('echo x > /dev/null; head -c 4 /dev/zero | wc -c')).toBe('4\n');
  });
});
