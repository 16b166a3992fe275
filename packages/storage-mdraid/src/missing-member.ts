import { CorruptImageError } from '@vmcraft/core/errors';

/** An array cannot run without members that are not there, or are there twice. The message names array and slots. */
export class MissingMemberError extends CorruptImageError {
  constructor(subject: string, reason: string) {
    super({ structure: subject, reason });
  }
}
