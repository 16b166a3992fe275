import { UsageError } from '@vmcraft/core';
import type { NbdAddress } from './client.js';
import type { TlsSettings } from './tls.js';

/** IANA's port for NBD. */
const DEFAULT_PORT = 10809;

/** Schemes of the NBD URI specification that {@link parseNbdUri} knows. */
export const NBD_SCHEMES = ['nbd', 'nbd+unix', 'nbds', 'nbds+unix'] as const;

/**
 * The address an NBD URI means (NBD URI specification 1.0: `nbd://host[:port]/export`, `nbd+unix:///export?socket=path`; `nbds` for
 * TLS, with the parameters `tls-certificates=FOLDER`, `tls-hostname=NAME`, `tls-psk-file=FILE`, `tls-username=NAME` and
 * `tls-verify-peer=false`).
 * @throws UsageError
 */
export function parseNbdUri(text: string): NbdAddress {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new UsageError(`'${text}' is not a URI`, { argument: 'uri' }, cause);
  }
  const scheme = url.protocol.slice(0, -1);
  const exportName = decodeURIComponent(url.pathname.replace(/^\//, ''));
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const tls = scheme.startsWith('nbds') ? { tls: tlsSettings(url, host) } : {};
  const socket = url.searchParams.get('socket');
  // guestfish writes nbd:///export?socket=PATH, without `+unix`.
  if (scheme.endsWith('+unix') || (socket !== null && host === '')) {
    if (socket === null || socket === '')
      throw new UsageError(`'${text}' names no socket: nbd+unix:///export?socket=PATH`, { argument: 'uri' });
    return { socket, exportName, ...tls };
  }
  if (scheme !== 'nbd' && scheme !== 'nbds') throw new UsageError(`'${text}' is not an NBD URI`, { argument: 'uri' });
  return {
    socket: { host: host === '' ? 'localhost' : host, port: url.port === '' ? DEFAULT_PORT : Number(url.port) },
    exportName,
    ...tls,
  };
}

function tlsSettings({ searchParams, username }: URL, host: string): TlsSettings {
  const certificates = searchParams.get('tls-certificates');
  const pskFile = searchParams.get('tls-psk-file');
  const hostname = searchParams.get('tls-hostname') ?? (host === '' ? 'localhost' : host);
  const user = searchParams.get('tls-username') ?? (username === '' ? undefined : decodeURIComponent(username));
  const isTrusting = ['false', '0'].includes(searchParams.get('tls-verify-peer') ?? '');
  return {
    hostname,
    ...(certificates === null ? {} : { certificates }),
    ...(pskFile === null ? {} : { pskFile }),
    ...(user === undefined ? {} : { username: user }),
    ...(isTrusting ? { trustAnyone: true } : {}),
  };
}
