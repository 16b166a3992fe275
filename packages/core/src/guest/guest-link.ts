import type { GuestDevice, GuestLink, GuestPart } from '../contracts/index.js';
import type { StorageTree } from '../storage/index.js';
import type { Session } from './session.js';

/** A launched session as providers see it, and the parts of theirs that work on its devices. */
export class SessionLink implements GuestLink {
  readonly #parts: GuestPart[] = [];

  constructor(
    private readonly session: Session,
    private readonly storage: StorageTree,
  ) {}

  get devices(): readonly GuestDevice[] {
    return this.storage.devices.map(({ name, kind, device, parents, member, uuid }) => ({
      name,
      kind,
      device,
      parents,
      ...(member === undefined ? {} : { memberType: member.type }),
      ...(uuid === undefined ? {} : { uuid }),
    }));
  }

  get settings(): Readonly<Record<string, unknown>> {
    return { ...this.session.settings };
  }

  get signal(): AbortSignal {
    return this.session.signal;
  }

  attach(part: GuestPart): void {
    this.#parts.push(part);
  }

  note(text: string): void {
    this.session.events.emit('library', text);
  }

  /** Bring everything to the devices. */
  async settle(): Promise<void> {
    for (const part of this.#parts) await part.settle();
  }

  /** Let all parts go; the first failure is thrown when all have been asked. */
  async close(): Promise<void> {
    const results = await Promise.allSettled(this.#parts.splice(0).map((part) => part.close()));
    const failed = results.find((r) => r.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}
