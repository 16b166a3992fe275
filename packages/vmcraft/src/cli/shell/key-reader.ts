import { openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { AbortedError, CredentialError } from '@vmcraft/core/errors';
import { LineSource } from './line-source.js';

/** Asks for passphrases. */
export interface KeyReader {
  /** @throws CredentialError when nobody can be asked */
  read(name: string): Promise<string>;
}

/** Passphrases from standard input, one a line: `--keys-from-stdin`. */
export class StdinKeyReader implements KeyReader {
  readonly #lines: LineSource;

  constructor(lines: LineSource = new LineSource('*stdin*', process.stdin)) {
    this.#lines = lines;
  }

  async read(name: string): Promise<string> {
    const line = await this.#lines.readLine();
    if (line === undefined) throw new CredentialError({ subject: `standard input (${name})`, wrong: false });
    return line;
  }
}

/** Passphrases typed at the terminal, whatever standard input is. */
export class TerminalKeyReader implements KeyReader {
  readonly #echo: boolean;

  constructor(options: { echo: boolean }) {
    this.#echo = options.echo;
  }

  async read(name: string): Promise<string> {
    const { input, output } = openTerminal(name);
    output.write(`Enter key or passphrase ("${name}"): `);
    input.setRawMode(!this.#echo);
    try {
      return await readTyped(input);
    } finally {
      input.setRawMode(false);
      if (!this.#echo) output.write('\n');
      input.destroy();
      output.destroy();
    }
  }
}

function openTerminal(name: string): { input: ReadStream; output: WriteStream } {
  try {
    return { input: new ReadStream(openSync('/dev/tty', 'r')), output: new WriteStream(openSync('/dev/tty', 'w')) };
  } catch (cause) {
    throw new CredentialError(
      { subject: `no terminal to ask for ${name}; use --keys-from-stdin`, wrong: false },
      cause,
    );
  }
}

const CTRL_C = 3;
const CTRL_D = 4;
const BACKSPACE = [8, 127];

async function readTyped(input: ReadStream): Promise<string> {
  let typed: number[] = [];
  for await (const chunk of input as AsyncIterable<Uint8Array>) {
    for (const byte of chunk) {
      if (byte === 10 || byte === 13 || byte === CTRL_D) return Buffer.from(typed).toString('utf8');
      if (byte === CTRL_C) throw new AbortedError('read passphrase');
      if (BACKSPACE.includes(byte)) typed = withoutLastLetter(typed);
      else typed.push(byte);
    }
  }
  return Buffer.from(typed).toString('utf8');
}

/** A letter may be several bytes of UTF-8. */
function withoutLastLetter(typed: readonly number[]): number[] {
  let end = typed.length - 1;
  while (end > 0 && (typed[end]! & 0xc0) === 0x80) end -= 1;
  return typed.slice(0, Math.max(0, end));
}
