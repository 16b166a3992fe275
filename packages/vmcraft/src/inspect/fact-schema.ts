import { z } from 'zod';

/** The schema of a fact: its value, and where it came from. */
export const factOf = <T extends z.ZodType>(value: T) =>
  z.strictObject({ value, source: z.string().describe('Path in the guest, or device, that says so') });

/** A fact that is text. */
export const text = factOf(z.string());
/** A fact that is a whole number. */
export const number = factOf(z.int());
