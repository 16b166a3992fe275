import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const SAMPLE = resolve(import.meta.dirname, '../../examples/sample-guest/debian.qcow2');
const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

/** A folder with a sample guest, and the servers that were started for it; all of it goes away. */
export class RemoteHost {
  readonly folder = mkdtempSync(join(tmpdir(), 'vmcraft-remote-'));
  readonly qcow2 = join(this.folder, 'disk.qcow2');
  readonly raw = join(this.folder, 'disk.raw');
  readonly #stops: (() => void)[] = [];

  constructor() {
    copyFileSync(SAMPLE, this.qcow2);
    run('qemu-img', 'convert', '-O', 'raw', this.qcow2, this.raw);
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stops.splice(0).reverse()) stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Start a server that stays in the foreground, and wait until it listens. */
  async #serve(port: number, program: string, args: readonly string[], signal: NodeJS.Signals): Promise<void> {
    const child = spawn(program, args, { stdio: 'ignore' });
    this.#stops.push(() => child.kill(signal));
    await listening(port);
  }

  /** nbdkit that speaks nothing but TLS, or no TLS at all. @returns the port */
  async nbd(how: { psk: string } | { certificates: string } | undefined): Promise<number> {
    const port = await freePort();
    const keys = how && 'psk' in how ? `--tls-psk=${how.psk}` : `--tls-certificates=${how?.certificates}`;
    const tls = how === undefined ? [] : ['--tls=require', keys];
    const args = ['-f', ...tls, '-i', '127.0.0.1', '-p', `${port}`, 'file', this.raw];
    await this.#serve(port, 'nbdkit', args, 'SIGTERM');
    return port;
  }

  /** A file of keys for one user. */
  pskFile(user: string): string {
    const path = join(this.folder, 'keys.psk');
    run('psktool', '-u', user, '-p', path);
    return path;
  }

  /** A certificate authority, and a certificate of localhost by it, under the names that GnuTLS programs look for. */
  certificates(): string {
    const folder = join(this.folder, 'pki');
    mkdirSync(folder);
    const at = (name: string): string => join(folder, name);
    const key = (name: string): void => writeFileSync(at(name), run('certtool', '--generate-privkey', '--no-text'));
    writeFileSync(at('ca.conf'), 'cn = "test"\nca\ncert_signing_key\n');
    const names = 'cn = "localhost"\ndns_name = "localhost"\nip_address = "127.0.0.1"\ntls_www_server\nsigning_key\n';
    writeFileSync(at('server.conf'), names);
    key('ca-key.pem');
    key('server-key.pem');
    const authority = ['--load-privkey', at('ca-key.pem'), '--template', at('ca.conf'), '--no-text'];
    writeFileSync(at('ca-cert.pem'), run('certtool', '--generate-self-signed', ...authority));
    const by = ['--load-ca-certificate', at('ca-cert.pem'), '--load-ca-privkey', at('ca-key.pem'), '--no-text'];
    const server = ['--load-privkey', at('server-key.pem'), '--template', at('server.conf')];
    writeFileSync(at('server-cert.pem'), run('certtool', '--generate-certificate', ...by, ...server));
    return folder;
  }

  /** An iSCSI target that wants a login. @returns its address and name */
  async iscsi(user: string, password: string): Promise<{ portal: string; target: string }> {
    const port = await freePort();
    const control = `${(port % 200) + 20}`;
    await this.#serve(port, 'tgtd', ['-f', '-C', control, '--iscsi', `portal=127.0.0.1:${port}`], 'SIGKILL');
    const target = 'iqn.2026-01.com.example:disk';
    const admin = (...args: string[]): string => run('tgtadm', '-C', control, '--lld', 'iscsi', ...args);
    admin('--op', 'new', '--mode', 'target', '--tid', '1', '-T', target);
    admin('--op', 'new', '--mode', 'logicalunit', '--tid', '1', '--lun', '1', '-b', this.raw);
    admin('--op', 'new', '--mode', 'account', '--user', user, '--password', password);
    admin('--op', 'bind', '--mode', 'account', '--tid', '1', '--user', user);
    admin('--op', 'bind', '--mode', 'target', '--tid', '1', '-I', 'ALL');
    return { portal: `127.0.0.1:${port}`, target };
  }

  /** An SSH server, and an agent with a key for it. @returns port, fingerprint of the host key in hex, socket of the agent */
  async ssh(): Promise<{ port: number; fingerprint: string; agent: string }> {
    const port = await freePort();
    const at = (name: string): string => join(this.folder, name);
    for (const name of ['host', 'me']) run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', at(name));
    copyFileSync(at('me.pub'), at('authorized'));
    const lines = [`Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${at('host')}`, 'UsePAM no', 'StrictModes no'];
    lines.push(`AuthorizedKeysFile ${at('authorized')}`, `PidFile ${at('pid')}`, 'Subsystem sftp internal-sftp');
    writeFileSync(at('sshd.conf'), `${lines.join('\n')}\n`);
    mkdirSync('/run/sshd', { recursive: true });
    await this.#serve(port, '/usr/sbin/sshd', ['-D', '-f', at('sshd.conf')], 'SIGTERM');
    const agent = at('agent');
    const child = spawn('ssh-agent', ['-D', '-a', agent], { stdio: 'ignore' });
    this.#stops.push(() => child.kill());
    await until(() => run('sh', '-c', `test -S ${agent}`));
    execFileSync('ssh-add', ['-q', at('me')], { env: { ...process.env, SSH_AUTH_SOCK: agent }, stdio: 'ignore' });
    const blob = Buffer.from(readFileSync(at('host.pub'), 'utf8').split(' ')[1] as string, 'base64');
    return { port, agent, fingerprint: createHash('sha256').update(blob).digest('hex') };
  }

  /** A web server with the qcow2 image behind a password; with a folder of certificates, over TLS. @returns the port */
  async web(user: string, password: string, pki?: string): Promise<number> {
    const file = await open(this.qcow2);
    const { size } = await file.stat();
    const login = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const answer = (request: IncomingMessage, response: ServerResponse): void =>
      void ranges(file, size, login, request, response);
    const server =
      pki === undefined
        ? createServer(answer)
        : createTlsServer(
            { cert: readFileSync(join(pki, 'server-cert.pem')), key: readFileSync(join(pki, 'server-key.pem')) },
            answer,
          );
    this.#stops.push(() => void server.close(() => void file.close()).closeAllConnections());
    await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
    return (server.address() as AddressInfo).port;
  }
}

async function ranges(
  file: FileHandle,
  size: number,
  login: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const status = request.url !== '/disk.qcow2' ? 404 : request.headers.authorization !== login ? 401 : 206;
  if (status !== 206) {
    response.writeHead(status, { 'www-authenticate': 'Basic realm=disk' }).end();
    return;
  }
  const [, from = '0', to = ''] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
  const start = Number(from);
  const end = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  response.writeHead(206, {
    'accept-ranges': 'bytes',
    'content-length': end - start + 1,
    'content-range': `bytes ${start}-${end}/${size}`,
  });
  if (request.method === 'HEAD') response.end();
  else response.end((await file.read(new Uint8Array(end - start + 1), 0, end - start + 1, start)).buffer);
}

/** A TCP port of the loopback interface that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createSocket();
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

async function until(check: () => unknown): Promise<void> {
  const TRIES = 300;
  for (let i = 0; ; i++) {
    try {
      await check();
      return;
    } catch (error) {
      if (i >= TRIES) throw error;
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

const listening = (port: number): Promise<void> =>
  until(
    () =>
      new Promise<void>((done, fail) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          done();
        });
        socket.on('error', fail);
      }),
  );
