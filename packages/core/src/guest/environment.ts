import { UsageError } from '../errors/index.js';
import type { Session } from './session.js';

/** Variables that set something (guestfs(3), ENVIRONMENT VARIABLES). */
export const VARIABLES = [
  'LIBGUESTFS_APPEND',
  'LIBGUESTFS_BACKEND',
  'LIBGUESTFS_BACKEND_SETTINGS',
  'LIBGUESTFS_CACHEDIR',
  'LIBGUESTFS_DEBUG',
  'LIBGUESTFS_HV',
  'LIBGUESTFS_MEMSIZE',
  'LIBGUESTFS_PATH',
  'LIBGUESTFS_TMPDIR',
  'LIBGUESTFS_TRACE',
] as const;

/** Take settings from environment variables. @throws UsageError for a value that makes no sense */
export function applyEnvironment(g: Session, variables: ReadonlyMap<string, string>): void {
  for (const [name, value] of variables) if (value !== '') apply(g, name, value);
}

function apply({ settings }: Session, name: string, value: string): void {
  switch (name) {
    case 'LIBGUESTFS_APPEND':
      settings.append = value;
      break;
    case 'LIBGUESTFS_BACKEND':
      settings.backend = value;
      break;
    case 'LIBGUESTFS_BACKEND_SETTINGS':
      settings.backendSettings = value.split(':');
      break;
    case 'LIBGUESTFS_CACHEDIR':
      settings.cachedir = value;
      break;
    case 'LIBGUESTFS_DEBUG':
      settings.verbose = flag(name, value);
      break;
    case 'LIBGUESTFS_HV':
      settings.hv = value;
      break;
    case 'LIBGUESTFS_MEMSIZE':
      settings.memsize = size(name, value);
      break;
    case 'LIBGUESTFS_PATH':
      settings.path = value;
      break;
    case 'LIBGUESTFS_TMPDIR':
      settings.tmpdir = value;
      break;
    case 'LIBGUESTFS_TRACE':
      settings.trace = flag(name, value);
      break;
  }
}

function flag(name: string, value: string): boolean {
  if (/^(1|true|t|yes|y|on)$/i.test(value)) return true;
  if (/^(0|false|f|no|n|off)$/i.test(value)) return false;
  throw new UsageError(`${name}=${value}: must be 0 or 1`, { argument: name });
}

function size(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number <= 0)
    throw new UsageError(`${name}=${value}: must be a number of megabytes`, { argument: name });
  return number;
}
