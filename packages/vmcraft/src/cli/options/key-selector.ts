import { readFile } from 'node:fs/promises';
import { HostError, messageOf, UsageError } from '@vmcraft/core/errors';
import { syntaxError } from '../language/shell-error.js';

/** A key given for a device (or any, `all`) with `--key`. */
export interface KeySelector {
  /** Device name, LUKS UUID, or `all`. */
  readonly id: string;
  readonly source: { readonly kind: 'key'; readonly key: string } | { readonly kind: 'file'; readonly path: string };
}

/**
 * Take `ID:key:KEY` or `ID:file:PATH` apart. The key itself may have colons.
 * @throws ShellError when a part is missing, UsageError for Clevis, which needs a network and a TPM of the guest
 */
export function parseKeySelector(text: string): KeySelector {
  const first = text.indexOf(':');
  // Never repeat the selector whole: its last part may be a secret.
  if (first < 0) throw syntaxError(`selector '${text}': missing TYPE`);
  const id = text.slice(0, first);
  const second = text.indexOf(':', first + 1);
  const type = text.slice(first + 1, second < 0 ? undefined : second);
  if (type === 'clevis') {
    throw new UsageError(
      `--key ${id}:clevis: Clevis keys are not supported; give the passphrase with ${id}:key:… or a file`,
    );
  }
  if (type !== 'key' && type !== 'file') throw syntaxError(`selector '${id}:${type}': invalid TYPE`);
  if (second < 0) throw syntaxError(`selector '${id}:${type}': missing ${type === 'key' ? 'KEY_STRING' : 'FILENAME'}`);
  const rest = text.slice(second + 1);
  return { id, source: type === 'key' ? { kind: 'key', key: rest } : { kind: 'file', path: rest } };
}

/**
 * A key. Of a file that is one line of text, the line end is left out, as libguestfs does; any other file is the key as it is.
 * @throws HostError when the file cannot be read
 */
export async function readKey(selector: KeySelector): Promise<string | Uint8Array> {
  if (selector.source.kind === 'key') return selector.source.key;
  const { path } = selector.source;
  try {
    const bytes = await readFile(path);
    const isLine = !bytes.subarray(0, -1).some((byte) => byte === 0 || byte === 10);
    return isLine && bytes.at(-1) === 10 ? bytes.subarray(0, -1) : bytes;
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    throw new HostError(
      { path, operation: 'read key', reason: messageOf(cause), ...(errno === undefined ? {} : { errno }) },
      cause,
    );
  }
}
