import { UnsupportedFeatureError, UsageError } from '@vmcraft/core';

/**
 * Schemes that qemu's own block drivers open (qemu documentation, "Device URL syntax"; QAPI `BlockdevOptionsCurlHttps`,
 * `BlockdevOptionsSsh`, `BlockdevOptionsIscsi`, `BlockdevOptionsRbd`).
 */
export const REMOTE_SCHEMES = ['http', 'https', 'ftp', 'ftps', 'ssh', 'iscsi', 'rbd'] as const;

/** One remote image as qemu's block layer names it. */
export interface RemoteNode {
  /** The protocol node, without the format above it and without any secret. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Option that takes the id of the secret; undefined where the driver has none. */
  readonly secretOption?: string;
  /** The secret is base64 already, as Ceph writes its keys. */
  readonly isBase64Secret?: boolean;
  /** The protocol can only be read. */
  readonly readOnly: boolean;
  /** Debian's name of the module, for messages. */
  readonly module: string;
}

const SSH_PORT = 22;
const ISCSI_PORT = 3260;

/** @throws UsageError, UnsupportedFeatureError */
export function parseRemoteUri(text: string): RemoteNode {
  let url: URL;
  try {
    // libiscsi's `%` before a password is not escaping; the password was taken out before.
    url = new URL(text);
  } catch (cause) {
    throw new UsageError(`'${text}' is not a URI`, { argument: 'uri' }, cause);
  }
  switch (url.protocol) {
    case 'http:':
    case 'https:':
    case 'ftp:':
    case 'ftps:':
      return curlNode(url);
    case 'ssh:':
      return sshNode(url, text);
    case 'iscsi:':
      return iscsiNode(url, text);
    case 'rbd:':
      return rbdNode(url, text);
    default:
      throw new UnsupportedFeatureError({ feature: `scheme ${url.protocol}`, structure: text });
  }
}

const decode = decodeURIComponent;
const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1');
const userOf = (url: URL, name: string): Record<string, string> =>
  url.username === '' ? {} : { [name]: decode(url.username) };

function curlNode(url: URL): RemoteNode {
  const driver = url.protocol.slice(0, -1);
  const user = userOf(url, 'username');
  url.username = '';
  url.password = '';
  return {
    options: { driver, url: url.href, ...user },
    secretOption: 'password-secret',
    readOnly: true,
    module: 'curl',
  };
}

/**
 * Keys come from the agent, and the host must be one of `known_hosts`. A parameter `host_key_check=` takes a fingerprint instead
 * (`sha256:…`, `md5:…`, `sha1:…`, in hex) or `no`, as in qemu's URIs.
 */
function sshNode(url: URL, text: string): RemoteNode {
  const check = url.searchParams.get('host_key_check');
  const path = decode(url.pathname);
  if (path.length < 2) throw new UsageError(`'${text}' names no file: ssh://host/path`, { argument: 'uri' });
  const options = {
    driver: 'ssh',
    server: { host: hostOf(url), port: url.port === '' ? `${SSH_PORT}` : url.port },
    path,
    ...userOf(url, 'user'),
    ...(check === null ? {} : { 'host-key-check': hostKeyCheck(check, text) }),
  };
  return { options, readOnly: false, module: 'ssh' };
}

function hostKeyCheck(check: string, text: string): Record<string, string> {
  if (check === 'no') return { mode: 'none' };
  if (check === 'yes') return { mode: 'known_hosts' };
  const [, type, hash] = /^(md5|sha1|sha256):([0-9a-fA-F:]+)$/.exec(check) ?? [];
  if (type === undefined || hash === undefined) {
    throw new UsageError(`'${text}': host_key_check is yes, no, or TYPE:FINGERPRINT`, { argument: 'uri' });
  }
  return { mode: 'hash', type, hash };
}

/** `iscsi://[user@]host[:port]/target/lun` (draft "iSCSI URL format", libiscsi). */
function iscsiNode(url: URL, text: string): RemoteNode {
  const [, target = '', lun = ''] = /^\/([^/]+)\/(\d{1,5})$/.exec(url.pathname) ?? [];
  if (target === '') throw new UsageError(`'${text}' is not iscsi://host/target/lun`, { argument: 'uri' });
  const options = {
    driver: 'iscsi',
    transport: 'tcp',
    portal: `${url.hostname}:${url.port === '' ? ISCSI_PORT : url.port}`,
    target: decode(target),
    lun: Number(lun),
    ...userOf(url, 'user'),
  };
  return { options, secretOption: 'password-secret', readOnly: false, module: 'iscsi' };
}

/** `rbd://[user@][monitor[:port]]/pool/image`; more monitors as `server=HOST:PORT`; none means those of ceph.conf. */
function rbdNode(url: URL, text: string): RemoteNode {
  const [, pool = '', image = ''] = /^\/([^/]+)\/(.+)$/.exec(url.pathname) ?? [];
  if (pool === '') throw new UsageError(`'${text}' is not rbd://monitor/pool/image`, { argument: 'uri' });
  const DEFAULT_PORT = '6789';
  const first = url.host === '' ? [] : [{ host: hostOf(url), port: url.port === '' ? DEFAULT_PORT : url.port }];
  const more = url.searchParams.getAll('server').map((server) => {
    const [, host = server, port = DEFAULT_PORT] = /^(.*?)(?::(\d+))?$/.exec(server) ?? [];
    return { host: host.replace(/^\[(.*)\]$/, '$1'), port };
  });
  const servers = [...first, ...more];
  const options = {
    driver: 'rbd',
    pool: decode(pool),
    image: decode(image),
    ...userOf(url, 'user'),
    ...(servers.length === 0 ? {} : { server: servers }),
  };
  return { options, secretOption: 'key-secret', isBase64Secret: true, readOnly: false, module: 'rbd' };
}
