import { spawn } from 'node:child_process';
import { ShellError } from '../language/shell-error.js';

/** Events of guestfs(3), SETTING CALLBACKS TO HANDLE EVENTS, in the order of their bits. */
export const EVENTS = [
  'close',
  'subprocess_quit',
  'launch_done',
  'progress',
  'appliance',
  'library',
  'trace',
  'enter',
  'libvirt_auth',
  'warning',
] as const;

/** Name of an event. */
export type EventName = (typeof EVENTS)[number];

interface Handler {
  readonly id: number;
  readonly name: string;
  readonly events: readonly EventName[];
  readonly script: string;
}

/** Shell scripts that run when something happens: the commands `event`, `delete-event`, `list-events`. */
export class EventHandlers {
  #handlers: Handler[] = [];
  #nextId = 0;
  #last: Promise<void> = Promise.resolve();

  /** @throws ShellError for an unknown event */
  add(name: string, eventset: string, script: string): void {
    const wanted = eventset === '*' ? new Set<string>(EVENTS) : new Set(eventset.split(','));
    for (const event of wanted) {
      if (!(EVENTS as readonly string[]).includes(event)) throw new ShellError(`unknown event name: ${event}`);
    }
    this.#handlers.push({ id: this.#nextId++, name, events: EVENTS.filter((e) => wanted.has(e)), script });
  }

  /** @throws ShellError when there is none of that name */
  delete(name: string): void {
    const kept = this.#handlers.filter((handler) => handler.name !== name);
    if (kept.length === this.#handlers.length) throw new ShellError(`delete-event: ${name}: no such event handler`);
    this.#handlers = kept;
  }

  /** One line for each handler, the newest first. */
  list(): readonly string[] {
    return this.#handlers.toReversed().map((h) => `"${h.name}" (${h.id}): ${h.events.join(',')}: ${h.script}`);
  }

  /** Whether anybody listens. */
  listensTo(event: EventName): boolean {
    return this.#handlers.some((handler) => handler.events.includes(event));
  }

  /** Have the scripts of an event run, one after the other; a script that fails changes nothing. */
  raise(event: EventName, params: readonly string[]): void {
    for (const handler of this.#handlers) {
      if (!handler.events.includes(event)) continue;
      this.#last = this.#last.then(() => runScript(handler.script, event, params));
    }
  }

  /** Wait for the scripts of all events so far. */
  async settle(): Promise<void> {
    await this.#last;
  }
}

function runScript(script: string, event: EventName, params: readonly string[]): Promise<void> {
  const shell = process.env.SHELL ?? '/bin/sh';
  return new Promise((resolve) => {
    const child = spawn(shell, ['-c', script, 'guestfish', ...params], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, EVENT: event },
    });
    child.on('error', () => resolve());
    child.on('close', () => resolve());
  });
}
