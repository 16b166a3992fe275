import { CorruptImageError } from '@vmcraft/core/errors';
import { SPECIFICATION } from './layout.js';

/** The error for bytes that break the specification; `offset` is that of the file, in bytes. */
export function corrupt(
  structure: string,
  section: string,
  offset: number,
  reason: string,
  field?: string,
): CorruptImageError {
  return new CorruptImageError({
    structure: `regf.${structure}`,
    ...(field === undefined ? {} : { field }),
    offset,
    reason,
    citation: `${SPECIFICATION}, section "${section}"`,
  });
}
