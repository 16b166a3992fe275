import { UsageError } from '@vmcraft/core/errors';
import type { Command } from 'commander';

/** An operation on the registry that an option asks for. */
export interface RegistryOperation {
  readonly option: string;
  readonly words: readonly string[];
}

/** An option, what stands behind it, and what it does. */
export type RegistryOption = readonly [option: string, operands: readonly string[], summary: string];

/** The options, what stands behind each, and what it does. All may be given again. */
export const REGISTRY_OPTIONS: readonly RegistryOption[] = [
  ['reg-import', ['FILE'], 'merge a .reg file into the registry (-: standard input)'],
  ['reg-delete-key', ['HIVE', 'KEY'], 'delete a key with all below it'],
  ['reg-delete-value', ['HIVE', 'KEY', 'NAME'], 'delete a value'],
  [
    'reg-write',
    ['HIVE', 'KEY', 'NAME', 'VALUE'],
    'set a value; VALUE may begin with a type, as in dword:0 or expand_sz:%TEMP%',
  ],
  ['reg-list', ['HIVE', 'KEY'], 'list subkeys and values'],
  ['reg-read', ['HIVE', 'KEY', 'NAME'], 'print a value'],
  ['reg-export', ['HIVE', 'KEY', 'FILE'], 'write a key and all below it to a .reg file (-: standard output)'],
];

/** Options that change the registry. */
const WRITES: ReadonlySet<string> = new Set(['reg-import', 'reg-delete-key', 'reg-delete-value', 'reg-write']);

/** Declare the options of `vmcraft registry`. */
export function registryOptions(command: Command): void {
  for (const [option, operands, summary] of REGISTRY_OPTIONS) {
    command.option(`--${option} <words...>`, `${operands.join(' ')}: ${summary}`);
  }
  command.option('-w, --write', 'let the shell on a hive change it');
  command.option('--user <name>', 'whose hive, for NTUSER.DAT, UsrClass.dat and HKCU');
}

const camelCase = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

/**
 * What the options ask for: changes first, then what is to be read, so that one call shows what it did.
 * @throws UsageError when an option has not the words that it needs
 */
export function registryOperations(options: Readonly<Record<string, unknown>>): readonly RegistryOperation[] {
  const operations: RegistryOperation[] = [];
  for (const [option, operands] of REGISTRY_OPTIONS) {
    const words = (options[camelCase(option)] as readonly string[] | undefined) ?? [];
    if (words.length % operands.length !== 0) {
      throw new UsageError(`--${option} takes ${operands.join(' ')}`, { hint: 'the disk stands before the options' });
    }
    for (let at = 0; at < words.length; at += operands.length) {
      operations.push({ option, words: words.slice(at, at + operands.length) });
    }
  }
  return operations;
}

/** Whether any of the operations changes the guest. */
export function changesRegistry(operations: readonly RegistryOperation[]): boolean {
  return operations.some(({ option }) => WRITES.has(option));
}

/** Types that may stand before a value. */
const TYPED = /^(sz|expand_sz|multi_sz|dword|qword|binary|hex|none|link):(.*)$/is;

/** A value, and the type that stands before it. */
export function typedValue(word: string): { readonly value: string; readonly type?: string } {
  const parts = TYPED.exec(word);
  return parts === null ? { value: word } : { type: parts[1]!.toLowerCase(), value: parts[2]! };
}
