import { HostError } from '../errors/index.js';

/** Node's error of a system call as ours. */
export function hostError(path: string, operation: string, thrown: unknown): HostError {
  if (thrown instanceof HostError) return thrown;
  const error = thrown as NodeJS.ErrnoException;
  const errno = typeof error?.code === 'string' ? error.code : undefined;
  return new HostError({ path, operation, ...(errno === undefined ? {} : { errno }), reason: reasonOf(error) }, thrown);
}

/** `no space left on device` out of `ENOSPC: no space left on device, write`. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /^[A-Z0-9]+: (.*?)(?:, \w+(?: '.*)?)?$/s.exec(text)?.[1] ?? text;
}
