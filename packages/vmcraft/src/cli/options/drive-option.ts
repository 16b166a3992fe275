import { UsageError } from '@vmcraft/core/errors';
import { withSecret } from '@vmcraft/core/guest';

/** The arguments of `add_drive` that a `-a` stands for. */
export interface DriveOption {
  /** A path, or a URI without its password. */
  readonly filename: string;
  readonly options: Readonly<{
    readonly?: boolean;
    format?: string;
    secret?: string;
    blocksize?: number;
  }>;
  /** `filename` is a URI: there is nothing on this host to look for. */
  readonly isRemote?: true;
}

/** State that options before a `-a` set for those after it. */
export interface DriveDefaults {
  readonly readonly: boolean;
  readonly format?: string;
  readonly blocksize?: number;
}

const URI = /^([a-z][a-z0-9+.-]*):\/\//i;
/** Schemes of `-a URI` (guestfish(1), ADDING REMOTE STORAGE). */
const REMOTE_SCHEMES = new Set([
  'ftp',
  'ftps',
  'http',
  'https',
  'tftp',
  'gluster',
  'iscsi',
  'nbd',
  'nbds',
  'nbd+unix',
  'nbds+unix',
  'rbd',
  'sheepdog',
  'ssh',
]);

/**
 * What to add for a `-a`: a file name, `file://…`, or a remote URI and its password.
 * @throws UsageError for a URI that does not parse or whose scheme is unknown
 */
export function parseDriveOption(text: string, defaults: DriveDefaults): DriveOption {
  const options = {
    ...(defaults.readonly ? { readonly: true } : {}),
    ...(defaults.format === undefined ? {} : { format: defaults.format }),
    ...(defaults.blocksize === undefined ? {} : { blocksize: defaults.blocksize }),
  };
  const scheme = URI.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return { filename: text, options };
  const url = parseUri(text);
  if (scheme === 'file') return { filename: decodeURIComponent(url.pathname), options };
  if (!REMOTE_SCHEMES.has(scheme)) {
    throw new UsageError(`-a ${withoutPassword(text)}: unknown URI scheme '${scheme}'`, {
      hint: `known: file, ${[...REMOTE_SCHEMES].join(', ')}`,
    });
  }
  const { uri, secret } = withSecret(text, undefined);
  return { filename: uri, options: { ...options, ...(secret === undefined ? {} : { secret }) }, isRemote: true };
}

function parseUri(text: string): URL {
  try {
    return new URL(text);
  } catch (cause) {
    throw new UsageError(`-a ${withoutPassword(text)}: not a valid URI`, {}, cause);
  }
}

/** The URI without its password, which must not reach a message. */
function withoutPassword(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/@]*?)([:%])[^/]*@/i, '$1$2…@');
}
