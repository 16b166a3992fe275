import type { Closable } from '../contracts/index.js';

/** One opened guest: drives, mounts and state that the actions work on. */
export interface Session extends Closable {
  readonly signal: AbortSignal | undefined;
}
