import { UsageError } from '../errors/index.js';

/** Where a remote image is, in the terms of guestfs `add_drive`. */
export interface RemoteDrive {
  readonly server?: readonly string[] | undefined;
  readonly username?: string | undefined;
}

/** Protocols of guestfs(3) that name one server and a path on it. */
const WITH_ONE_SERVER = new Set(['nbd', 'http', 'https', 'ftp', 'ftps', 'ssh', 'iscsi', 'gluster', 'tftp']);
/** Protocols that may name any number of servers. */
const WITH_SERVERS = new Set(['rbd', 'sheepdog']);

/**
 * The URI that guestfs `add_drive` means with `protocol`, `server`, `username` and the name of the image ("add_drive_opts",
 * guestfs(3)). Servers after the first are given as parameters `server=HOST:PORT`.
 * @throws UsageError
 */
export function remoteUri(protocol: string, filename: string, { server = [], username }: RemoteDrive): string {
  if (!WITH_ONE_SERVER.has(protocol) && !WITH_SERVERS.has(protocol)) {
    throw new UsageError(`'${protocol}' is not a protocol that guestfs knows`, { argument: 'protocol' });
  }
  if (WITH_ONE_SERVER.has(protocol) && server.length !== 1) {
    throw new UsageError(`${protocol} needs exactly one server`, { argument: 'server' });
  }
  const name = encodeURI(filename.replace(/^\//, ''));
  const user = username === undefined ? '' : `${encodeURIComponent(username)}@`;
  const [first = '', ...rest] = server;
  if (first.startsWith('unix:')) {
    if (protocol !== 'nbd') throw new UsageError(`${protocol} has no Unix sockets`, { argument: 'server' });
    return `nbd+unix:///${name}?socket=${encodeURIComponent(first.slice('unix:'.length))}`;
  }
  const more = rest.map((s) => `server=${encodeURIComponent(hostAndPort(s))}`).join('&');
  return `${protocol}://${user}${hostAndPort(first)}/${name}${more === '' ? '' : `?${more}`}`;
}

const hostAndPort = (server: string): string => server.replace(/^tcp:/, '');

/** `scheme://`, user information, the rest. */
const AUTHORITY = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#@]*)@(.*)$/s;
/** iSCSI URIs of libiscsi write `user%password@`; all others `user:password@`. */
const ISCSI_USER = /^([^%]*)%(.*)$/s;
const USER = /^([^:]*):(.*)$/s;

/**
 * Take the password out of a URI, so that messages and command lines can show what remains.
 * @param given password that was named by itself; it counts more
 */
export function withSecret(uri: string, given: string | undefined): { uri: string; secret?: string } {
  const [, scheme = '', userInfo = '', rest = ''] = AUTHORITY.exec(uri) ?? [];
  const isIscsi = scheme.startsWith('iscsi');
  const [, user = '', password] = (isIscsi ? ISCSI_USER : USER).exec(userInfo) ?? [];
  const plain = password === undefined ? uri : `${scheme}${user}@${rest}`;
  const secret = given ?? (password === undefined || isIscsi ? password : decodePart(password));
  return secret === undefined ? { uri: plain } : { uri: plain, secret };
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
