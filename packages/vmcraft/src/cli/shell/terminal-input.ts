import { createInterface, type Interface } from 'node:readline';
import { encodeUtf8 } from '@vmcraft/core/binary';
import type { Completion } from './completion.js';

/** What a terminal input is made of. */
export interface TerminalInputParts {
  readonly history: readonly string[];
  complete(line: string): Promise<Completion>;
}

/** Lines that a person types, with editing, history and completion. Lines pasted at once wait for their turn. */
export class TerminalInput {
  readonly name = '*terminal*';
  readonly line = 0;
  readonly #parts: TerminalInputParts;
  readonly #waiting: string[] = [];
  #editor: Interface | undefined;
  #history: string[];
  #deliver: ((line: string | undefined) => void) | undefined;

  constructor(parts: TerminalInputParts) {
    this.#parts = parts;
    this.#history = [...parts.history];
  }

  /** The next line; undefined at the end of input (^D). */
  async ask(prompt: string): Promise<string | undefined> {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting;
    const editor = this.#open();
    editor.setPrompt(prompt);
    process.stdin.setRawMode?.(true);
    editor.prompt();
    try {
      return await new Promise<string | undefined>((resolve) => {
        this.#deliver = resolve;
      });
    } finally {
      this.#deliver = undefined;
      this.#release();
    }
  }

  /** A line of a heredoc. */
  readLine(): Promise<string | undefined> {
    return this.ask('> ');
  }

  /** Lines up to ^D, as bytes: what `upload - /file` reads. */
  async *rest(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const line = await this.ask('');
      if (line === undefined) return;
      yield encodeUtf8(`${line}\n`);
    }
  }

  /** Give the terminal back. */
  close(): void {
    this.#editor?.close();
  }

  /** While a command runs, the terminal is the command's: in its ordinary mode, and read by nobody. */
  #release(): void {
    this.#editor?.pause();
    process.stdin.setRawMode?.(false);
  }

  #open(): Interface {
    if (this.#editor !== undefined) {
      this.#editor.resume();
      return this.#editor;
    }
    const editor = createInterface({
      input: process.stdin,
      output: process.stdout,
      terminal: true,
      history: this.#history.toReversed(),
      completer: (line: string, done: (error: null, result: Completion) => void) => {
        void this.#parts.complete(line).then((result) => done(null, result));
      },
    });
    editor.on('line', (line) => {
      // Pasted lines come all at once: only the first is the answer.
      const deliver = this.#deliver;
      this.#deliver = undefined;
      if (deliver === undefined) this.#waiting.push(line);
      else deliver(line);
    });
    // An interrupt at the prompt starts the line anew, as in other shells.
    editor.on('SIGINT', () => {
      process.stdout.write('^C\n');
      editor.write(null, { ctrl: true, name: 'u' });
      editor.prompt();
    });
    editor.on('history', (history) => {
      this.#history = history.toReversed();
    });
    editor.once('close', () => {
      this.#editor = undefined;
      this.#deliver?.(undefined);
    });
    this.#editor = editor;
    return editor;
  }
}
