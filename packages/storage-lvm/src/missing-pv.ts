import { CorruptImageError } from '@vmcraft/core/errors';

/** A volume needs a physical volume that is not there, or there twice. The message names it. */
export class MissingPvError extends CorruptImageError {
  constructor(subject: string, reason: string) {
    super({ structure: subject, reason });
  }
}
