import { basename } from 'node:path';

/** The name the program runs under, and what follows from it. */
export interface Personality {
  readonly name: string;
  /** Started as `guestfish`: its banner, texts, exit codes and habit of keeping what was written before an error. */
  readonly guestfish: boolean;
  /** Stands before the text of a failed action. */
  readonly errorPrefix: string;
}

/** The personality for a program path (`argv[1]`). */
export function personalityOf(program: string | undefined): Personality {
  const guestfish = /^guestfish(\.[cm]?js)?$/.test(basename(program ?? ''));
  return guestfish
    ? { name: 'guestfish', guestfish, errorPrefix: 'libguestfs: error: ' }
    : { name: 'vmcraft', guestfish, errorPrefix: 'vmcraft: error: ' };
}
