import { isVmcraftError, messageOf } from '@vmcraft/core/errors';
import { toJsonValue } from './json-value.js';

/** What to do about an error, where a sentence helps; by error code. */
const ADVICE: Readonly<Record<string, string>> = {
  VMC_TRUNCATED: 'the image is incomplete: copy it again from its source',
  VMC_LOCKED: 'shut the machine down first, or open the image read-only',
  VMC_KEY_REQUIRED: "give one with --key 'ID:key:…', --key 'ID:file:PATH' or --keys-from-stdin",
  VMC_KEY_WRONG: 'check the passphrase and the ID of --key',
  VMC_NO_PROVIDER: "'vmcraft doctor' shows what this host can and cannot do",
  VMC_NO_OS: "'vmcraft filesystems' lists what is on the disk; mount one with -m",
  VMC_BUG: 'run again with --verbose and report what it prints',
};

/** The line for people: what, where, and what to do. */
export function describeError(thrown: unknown): string {
  const message = messageOf(thrown);
  const hint = adviceFor(thrown);
  return hint === undefined || message.includes(hint) ? message : `${message}\n  ${hint}`;
}

function adviceFor(thrown: unknown): string | undefined {
  if (!isVmcraftError(thrown)) return ADVICE.VMC_BUG;
  const hint = thrown.data.hint;
  return typeof hint === 'string' ? hint : ADVICE[thrown.code];
}

/** The chain of causes for `--verbose`: one line each, and the stack of the innermost that is not ours. */
export function describeChain(thrown: unknown): string {
  const lines: string[] = [];
  const seen = new Set<unknown>();
  for (let error = thrown; error !== undefined && !seen.has(error); error = (error as Error | undefined)?.cause) {
    seen.add(error);
    const code = isVmcraftError(error) ? ` [${error.code}]` : '';
    const name = error instanceof Error ? error.name : typeof error;
    lines.push(`  ${lines.length === 0 ? 'error' : 'caused by'}: ${name}${code}: ${messageOf(error)}`);
    if (!isVmcraftError(error) && error instanceof Error && error.stack !== undefined) {
      lines.push(...error.stack.split('\n').slice(1, 8));
    }
  }
  return lines.join('\n');
}

/** The error as one line of JSON: `{ "error": { name, code, message, data, cause }, "exitCode": n }`. */
export function errorToJson(thrown: unknown, exitCode: number): string {
  const error = isVmcraftError(thrown)
    ? thrown.toJSON()
    : { name: thrown instanceof Error ? thrown.name : 'Error', code: 'VMC_BUG', message: messageOf(thrown), data: {} };
  return JSON.stringify({ error: toJsonValue(error), exitCode });
}
