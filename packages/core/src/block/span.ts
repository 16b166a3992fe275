import { AbortedError, CapabilityError, InternalError, TruncatedImageError } from '../errors/index.js';

/**
 * Check that a span lies within something of `size` bytes.
 * @param structure what is being read, for the error
 * @throws TruncatedImageError when the span ends past `size`
 * @throws InternalError when offset or length is negative, fractional or not a safe integer
 */
export function checkSpan(structure: string, size: number, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new InternalError(`${structure}: bad span ${offset}+${length}`, { offset, length });
  }
  if (offset + length > size) {
    throw new TruncatedImageError({ structure, offset, needed: length, available: Math.max(0, size - offset) });
  }
}

/**
 * Guard of every write path.
 * @throws CapabilityError (`VMC_READ_ONLY`) when `target` is not writable
 */
export function requireWritable(target: { readonly writable: boolean }, subject: string): void {
  if (!target.writable) throw CapabilityError.readOnly(subject);
}

/** @throws AbortedError when the signal has fired */
export function throwIfAborted(signal: AbortSignal | undefined, operation: string): void {
  if (signal?.aborted === true) throw new AbortedError(operation, signal.reason);
}

/**
 * Wait for work that is shared with others, but no longer than the caller's own signal allows. The work itself goes on.
 * @throws AbortedError when the signal fires first
 */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined, operation: string): Promise<T> {
  if (signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(new AbortedError(operation, signal.reason));
    if (signal.aborted) {
      work.catch(() => {});
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
