import type { Progress, Warning } from '../contracts/index.js';

/** What a session tells while it works. Names are those of guestfs events. */
export interface SessionEvents {
  /** One line per call and per result, when `trace` is on. */
  readonly trace: string;
  /** Notes for people, when `verbose` is on. */
  readonly library: string;
  readonly warning: Warning;
  readonly progress: Progress;
  readonly launch_done: undefined;
  readonly close: undefined;
  /** After each call of an action. */
  readonly enter: string;
}

/** Name of an event. */
export type SessionEvent = keyof SessionEvents;
type Listener<E extends SessionEvent> = (payload: SessionEvents[E]) => void;

/** Hands events to whoever listens. */
export class EventHub {
  readonly #listeners = new Map<SessionEvent, Set<Listener<never>>>();

  /** @returns a function that stops listening */
  on<E extends SessionEvent>(event: E, listener: Listener<E>): () => void {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set);
    set.add(listener);
    return () => set.delete(listener);
  }

  has(event: SessionEvent): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  emit<E extends SessionEvent>(event: E, payload: SessionEvents[E]): void {
    for (const listener of this.#listeners.get(event) ?? []) (listener as Listener<E>)(payload);
  }
}
