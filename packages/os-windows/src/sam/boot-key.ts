import { fromHex } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';

/** Keys below `Control\Lsa` whose class names hold the boot key, in order. */
export const BOOT_KEY_PARTS = ['JD', 'Skew1', 'GBG', 'Data'] as const;

/** Where each byte of the key lies in the joined class names. */
const ORDER = [8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14, 10, 15, 7];

/** The boot key ("syskey") from the class names of {@link BOOT_KEY_PARTS}. @throws CorruptImageError */
export function bootKeyOf(classNames: readonly string[]): Uint8Array {
  const text = classNames.join('');
  if (!/^[0-9a-f]{32}$/i.test(text)) {
    throw new CorruptImageError({
      structure: 'SYSTEM Control\\Lsa',
      field: 'class names',
      reason: 'they hold no boot key',
    });
  }
  const mixed = fromHex(text);
  return Uint8Array.from(ORDER, (i) => mixed[i]!);
}
