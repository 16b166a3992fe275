import { UnsupportedFeatureError, UsageError } from '@vmcraft/core';
import type { NbdAddress } from './client.js';

/** IANA's port for NBD. */
const DEFAULT_PORT = 10809;

/** Schemes of the NBD URI specification that {@link parseNbdUri} knows. */
export const NBD_SCHEMES = ['nbd', 'nbd+unix'] as const;

/**
 * The address an NBD URI means (NBD URI specification 1.0: `nbd://host[:port]/export`, `nbd+unix:///export?socket=path`).
 * @throws UsageError, UnsupportedFeatureError
 */
export function parseNbdUri(text: string): NbdAddress {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new UsageError(`'${text}' is not a URI`, { argument: 'uri' }, cause);
  }
  const scheme = url.protocol.slice(0, -1);
  if (scheme === 'nbds' || scheme === 'nbds+unix') {
    throw new UnsupportedFeatureError({
      feature: 'NBD over TLS',
      structure: text,
      workaround: 'serve the export without TLS on a Unix socket',
    });
  }
  const exportName = decodeURIComponent(url.pathname.replace(/^\//, ''));
  if (scheme === 'nbd+unix') {
    const socket = url.searchParams.get('socket');
    if (socket === null || socket === '')
      throw new UsageError(`'${text}' names no socket: nbd+unix:///export?socket=PATH`, { argument: 'uri' });
    return { socket, exportName };
  }
  if (scheme !== 'nbd') throw new UsageError(`'${text}' is not an NBD URI`, { argument: 'uri' });
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    socket: { host: host === '' ? 'localhost' : host, port: url.port === '' ? DEFAULT_PORT : Number(url.port) },
    exportName,
  };
}
