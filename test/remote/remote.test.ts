import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { cli, VMCRAFT } from '../cli/run-cli.js';
import { RemoteHost } from './servers.js';

const ARCHITECTURE = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const HOSTNAME = 'sample\n';
const show = (uri: string, env: Record<string, string> = {}) => cli(['cat', uri, '/etc/hostname'], { env });
/** qemu's block driver of a protocol: of Debian's package qemu-block-extra. */
const driver = (name: string): string => `data:/usr/lib/${ARCHITECTURE}-linux-gnu/qemu/block-${name}.so`;

/** Command lines of all processes of this host. */
function commandLines(): string {
  const lines = readdirSync('/proc').map((name) => {
    try {
      return /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, 'latin1') : '';
    } catch {
      return '';
    }
  });
  return lines.join('\n');
}

describe.runIf(requireTools('nbdkit', 'psktool', 'certtool', 'qemu-img'))('NBD over TLS', () => {
  let host: RemoteHost;
  beforeAll(() => {
    host = new RemoteHost();
  });
  afterAll(() => host[Symbol.dispose]());

  it('with a key that both have', async () => {
    const psk = host.pskFile('alice');
    const server = `127.0.0.1:${await host.nbd({ psk })}`;
    expect(await show(`nbds://${server}/?tls-psk-file=${psk}`)).toMatchObject({ status: 0, stdout: HOSTNAME });
    expect(await show(`nbds://alice@${server}/?tls-psk-file=${psk}`)).toMatchObject({ status: 0, stdout: HOSTNAME });
    expect((await show(`nbds://bob@${server}/?tls-psk-file=${psk}`)).stderr).toContain("has no key for 'bob'");
    expect((await show(`nbd://${server}/`)).stderr).toContain('the server wants TLS: say nbds://');
  });

  it('with certificates, and never with one that nobody vouches for', async () => {
    const pki = host.certificates();
    const port = await host.nbd({ certificates: pki });
    for (const name of ['localhost', '127.0.0.1']) {
      expect(await show(`nbds://${name}:${port}/?tls-certificates=${pki}`)).toMatchObject({ stdout: HOSTNAME });
    }
    expect((await show(`nbds://localhost:${port}/`)).stderr).toMatch(/TLS: unable to verify the first certificate/);
    expect((await show(`nbds://localhost:${port}/?tls-certificates=${pki}&tls-hostname=other`)).stderr).toContain(
      'altnames',
    );
    expect(await show(`nbds://localhost:${port}/?tls-verify-peer=false`)).toMatchObject({ stdout: HOSTNAME });
    expect((await show(`nbds://localhost:${port}/?tls-certificates=/none`)).stderr).toContain('/none: open:');
  });

  it('is not given up for a server that has none', async () => {
    const port = await host.nbd(undefined);
    expect((await show(`nbds://127.0.0.1:${port}/`)).stderr).toContain('the server has no TLS');
  });
});

describe.runIf(requireTools('tgtd', 'qemu-nbd', driver('iscsi')))('iscsi://', () => {
  let host: RemoteHost;
  let uri: string;
  beforeAll(async () => {
    host = new RemoteHost();
    const { portal, target } = await host.iscsi('joe', 'secret123456');
    uri = `iscsi://joe%secret123456@${portal}/${target}/1`;
  });
  afterAll(() => host[Symbol.dispose]());

  it('reads and writes, in one transaction', async () => {
    {
      await using g = await GuestFS.open(uri, { format: 'raw' });
      await g.mountRoot();
      expect(await g.cat('/etc/hostname')).toBe(HOSTNAME);
      await g.write('/etc/hostname', 'dropped\n');
      await g.session.rollback();
    }
    expect(await show(uri)).toMatchObject({ stdout: HOSTNAME });
    const edit = ['--rw', '--format=raw', '-a', uri, '-i', '--run', 'write /etc/hostname "edited\n"'];
    expect(await cli(edit)).toMatchObject({ status: 0 });
    expect(await show(host.raw)).toMatchObject({ stdout: 'edited\n' });
  });

  it('says what is wrong, and never the password', async () => {
    const wrong = await show(uri.replace('secret123456', 'incorrect1234'));
    expect(wrong.stderr).toMatch(/iscsi:\/\/joe@127.0.0.1.*the server refuses: .*Authentication failure/);
    expect(wrong.stderr).not.toContain('incorrect1234');
    expect((await show(uri.replace(/1$/, '9'))).stderr).toContain('LOGICAL_UNIT_NOT_SUPPORTED');
    const traced = await cli(['--ro', '-x', '-a', uri, 'run']);
    expect(traced.stderr).toContain('add_drive');
    expect(traced.stdout + traced.stderr).not.toContain('secret123456');
  });

  it('keeps the password off every command line but the one it was typed on', async () => {
    await using g = await GuestFS.open(uri, { readonly: true });
    await g.mountRoot();
    expect(commandLines()).toContain('qemu-nbd');
    expect(commandLines()).not.toContain('secret123456');
  });
});

describe.runIf(requireTools('sshd', 'ssh-agent', 'qemu-nbd', driver('ssh')))('ssh://', () => {
  it('reads and writes an image of another host, whose key has to be known', async () => {
    using host = new RemoteHost();
    const { port, fingerprint, agent } = await host.ssh();
    const env = { SSH_AUTH_SOCK: agent };
    const uri = `ssh://root@127.0.0.1:${port}${host.qcow2}`;
    expect((await show(uri, env)).stderr).toMatch(/no host key was found in known_hosts/);
    expect((await show(`${uri}?host_key_check=sha256:${'00'.repeat(32)}`, env)).stderr).toMatch(/host key|fingerprint/);
    const known = `${uri}?host_key_check=sha256:${fingerprint}`;
    expect(await show(known, env)).toMatchObject({ status: 0, stdout: HOSTNAME });
    expect((await show(known.replace('disk.qcow2', 'none'), env)).stderr).toContain('No such file');
    const edit = await cli(['--rw', '-a', known, '-i', '--run', 'write /etc/hostname "edited\n"'], { env });
    expect(edit).toMatchObject({ status: 0, stderr: '' });
    expect(await show(host.qcow2)).toMatchObject({ stdout: 'edited\n' });
    execFileSync('qemu-img', ['check', '-q', host.qcow2]);
    expect((await show(`ssh://root:secret@127.0.0.1:${port}${host.qcow2}`, env)).stderr).toContain('use an agent');
  });

  it('refuses an image there that names others', async () => {
    using host = new RemoteHost();
    const { port, agent } = await host.ssh();
    execFileSync('qemu-img', [
      'create',
      '-q',
      '-f',
      'qcow2',
      '-F',
      'raw',
      '-b',
      '/etc/passwd',
      '-u',
      join(host.folder, 'child.qcow2'),
      '1M',
    ]);
    const uri = `ssh://root@127.0.0.1:${port}${host.folder}/child.qcow2?host_key_check=no`;
    expect((await show(uri, { SSH_AUTH_SOCK: agent })).stderr).toContain("it names '/etc/passwd'");
  });
});

describe.runIf(requireTools('certtool', 'qemu-nbd', 'unshare', driver('curl')))('http:// and https://', () => {
  it('read an image behind a password, and cannot write', async () => {
    using host = new RemoteHost();
    const port = await host.web('me', 's3cret');
    const uri = `http://me:s3cret@127.0.0.1:${port}/disk.qcow2`;
    expect(await show(uri)).toMatchObject({ status: 0, stdout: HOSTNAME });
    expect((await show(uri.replace('s3cret', 'wrong'))).stderr).toMatch(/the server refuses: .*401/);
    expect((await show(uri.replace('disk', 'none'))).stderr).toContain('404');
    expect((await cli(['--rw', '-a', uri, 'run'])).stderr).toContain('http can only be read');
    await using g = new GuestFS();
    await g.addDrive('/disk.qcow2', {
      protocol: 'http',
      server: [`127.0.0.1:${port}`],
      username: 'me',
      secret: 's3cret',
      readonly: true,
    });
    await g.launch();
    expect(await g.inspectOs()).toHaveLength(1);
  });

  it('believe only servers that an authority of this host vouches for', async () => {
    using host = new RemoteHost();
    const pki = host.certificates();
    const uri = `https://me:s3cret@localhost:${await host.web('me', 's3cret', pki)}/disk.qcow2`;
    expect((await show(uri)).stderr).toMatch(/certificate/);
    // A host that knows the authority: in a mount namespace of its own.
    const trusting = `mount --bind ${pki}/ca-cert.pem /etc/ssl/certs/ca-certificates.crt && exec "$@"`;
    const args = ['-m', 'sh', '-c', trusting, 'sh', process.execPath, VMCRAFT, 'cat', uri, '/etc/hostname'];
    const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    for await (const data of child.stdout) out += String(data);
    expect(out).toBe(HOSTNAME);
  });
});
