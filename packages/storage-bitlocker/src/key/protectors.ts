import { Protection } from '../layout.js';
import type { Protector } from '../metadata/model.js';

const NAMES: readonly (readonly [bit: number, name: string])[] = [
  [Protection.tpm, 'TPM'],
  [Protection.external, 'startup key'],
  [Protection.pin, 'PIN'],
  [Protection.recovery, 'recovery key'],
  [Protection.certificate, 'certificate'],
  [Protection.password, 'password'],
];
/** Those of which what a caller can give is enough. */
const OPENABLE: readonly number[] = [Protection.external, Protection.recovery, Protection.password];

/** What kind of protector it is, in words: `TPM and PIN`. */
export function protectorName({ protection }: Protector): string {
  if (protection === Protection.clear) return 'clear key';
  const names = NAMES.filter(([bit]) => (protection & bit) !== 0).map(([, name]) => name);
  const known = NAMES.reduce((bits, [bit]) => bits | bit, 0);
  if ((protection & ~known) !== 0) names.push(`unknown 0x${(protection & ~known).toString(16)}`);
  return names.join(' and ');
}

/** Whether a password, recovery key or file alone opens it. */
export function isOpenable({ protection }: Protector): boolean {
  return protection === Protection.clear || OPENABLE.includes(protection);
}

/** What an error says of the ways in. Never a secret. */
export function describeProtectors(protectors: readonly Protector[]): string {
  const names = [...new Set(protectors.map(protectorName))];
  if (names.length === 0) return 'it has no protector at all';
  const list = `it is protected by ${names.join(', ')}`;
  if (protectors.some(isOpenable)) return list;
  return `${list} only, which needs the machine it belongs to: add a recovery key there (manage-bde -protectors -add)`;
}
