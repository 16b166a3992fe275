import { readFile } from 'node:fs/promises';
import { isIP, type Socket } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { HostError, messageOf, UsageError } from '@vmcraft/core';

/** How to speak TLS with an NBD server: the parameters of NBD URIs ("NBD URI specification", "TLS", and nbd_connect_uri(3)). */
export interface TlsSettings {
  /** Name in the server's certificate. */
  readonly hostname?: string;
  /** Folder with `ca-cert.pem`, and `client-cert.pem` with `client-key.pem` when the server wants to know us. */
  readonly certificates?: string;
  /** File of lines `user:key in hex`, as psktool makes it; certificates are not used then. */
  readonly pskFile?: string;
  /** Who we are in that file. */
  readonly username?: string;
  /** Believe the server without proof. */
  readonly trustAnyone?: boolean;
}

/** Both suites that servers on GnuTLS have for pre-shared keys; Node asks for TLS 1.2 with them. */
const PSK_CIPHERS = 'PSK+AES:PSK+CHACHA20:@SECLEVEL=1';
const HANDSHAKE_TIMEOUT = 30_000;

/** @throws HostError when the files cannot be read, or the two do not agree; UsageError */
export async function connectTls(socket: Socket, settings: TlsSettings, peer: string): Promise<Socket> {
  const options =
    settings.pskFile === undefined ? await withCertificates(settings) : await withPsk(settings.pskFile, settings);
  return new Promise((resolve, reject) => {
    const secure = connect({ ...options, socket }, () => {
      clearTimeout(timer);
      secure.off('error', failed);
      secure.setNoDelay(true);
      resolve(secure);
    });
    const failed = (error: Error): void => {
      clearTimeout(timer);
      secure.destroy();
      reject(new HostError({ path: peer, operation: 'TLS', reason: messageOf(error) }, error));
    };
    const timer = setTimeout(() => failed(new Error('no answer')), HANDSHAKE_TIMEOUT);
    secure.once('error', failed);
  });
}

async function withCertificates({ certificates, hostname, trustAnyone }: TlsSettings): Promise<ConnectionOptions> {
  const server = {
    ...(hostname === undefined ? {} : { host: hostname }),
    // The name in the greeting must not be an address (RFC 6066, section 3).
    ...(hostname === undefined || isIP(hostname) !== 0 ? {} : { servername: hostname }),
    rejectUnauthorized: trustAnyone !== true,
  };
  if (certificates === undefined) return server;
  const [ca, cert, key] = await Promise.all([
    optional(join(certificates, 'ca-cert.pem')),
    optional(join(certificates, 'client-cert.pem')),
    optional(join(certificates, 'client-key.pem')),
  ]);
  if (ca === undefined && cert === undefined) {
    const reason = 'it has neither ca-cert.pem nor client-cert.pem';
    throw new HostError({ path: certificates, operation: 'open', errno: 'ENOENT', reason });
  }
  return {
    ...server,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

async function withPsk(path: string, { username }: TlsSettings): Promise<ConnectionOptions> {
  const lines = ((await optional(path)) ?? missing(path)).toString('utf8').split('\n');
  const found = lines
    .map((line) => /^([^:#]+):([0-9a-fA-F]+)\s*$/.exec(line))
    .find((match) => match !== null && (username === undefined || match[1] === username));
  if (found === undefined || found === null) {
    const who = username === undefined ? 'anybody' : `'${username}'`;
    throw new UsageError(`${path} has no key for ${who}: lines are USER:HEX`, { argument: 'tls-psk-file' });
  }
  const [, identity = '', hex = ''] = found;
  const psk = Buffer.from(hex, 'hex');
  return {
    ciphers: PSK_CIPHERS,
    maxVersion: 'TLSv1.2',
    pskCallback: () => ({ psk, identity }),
    // There is no certificate to look at: who has the key is the server.
    checkServerIdentity: () => undefined,
  };
}

function missing(path: string): never {
  throw new HostError({ path, operation: 'open', errno: 'ENOENT', reason: 'no such file' });
}

/** Undefined when there is no such file. @throws HostError */
async function optional(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new HostError(
      { path, operation: 'open', reason: messageOf(error), ...(code === undefined ? {} : { errno: code }) },
      error,
    );
  }
}
