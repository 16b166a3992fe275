import { LimitExceededError } from '../../errors/index.js';
import { holds, kindAt } from './automaton.js';
import type { RegexProgram } from './program.js';

/** Steps for one line: back-references have no fast method. */
const MAX_STEPS = 5_000_000;
/** Open alternatives. */
const MAX_STACK = 1_000_000;
const UNSET = -1;

/** A point to go on from. */
interface Thread {
  readonly pc: number;
  readonly at: number;
  /** Edges of groups and marks; shared until one changes. */
  readonly slots: readonly number[];
}

const lower = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);

/** Finds expressions with back-references by trying one way after the other. @throws LimitExceededError when that takes too long */
export class Backtracker {
  readonly #unset: readonly number[];

  constructor(
    private readonly program: RegexProgram,
    private readonly ignoreCase: boolean,
  ) {
    this.#unset = new Array<number>(program.slots).fill(UNSET);
  }

  matches(bytes: Uint8Array, start: number, end: number): boolean {
    const budget = { steps: MAX_STEPS };
    for (let at = start; at <= end; at++) if (this.#matchesAt(bytes, start, end, at, budget)) return true;
    return false;
  }

  #matchesAt(bytes: Uint8Array, start: number, end: number, from: number, budget: { steps: number }): boolean {
    const stack: Thread[] = [{ pc: 0, at: from, slots: this.#unset }];
    for (let thread = stack.pop(); thread !== undefined; thread = stack.pop()) {
      if (stack.length > MAX_STACK) {
        throw new LimitExceededError({ limit: 'alternatives of back-references', value: stack.length, max: MAX_STACK });
      }
      if (this.#run(thread, stack, bytes, start, end, budget)) return true;
    }
    return false;
  }

  /** Follow one way to its end. @returns whether it is a match */
  #run(
    { pc, at, slots }: Thread,
    stack: Thread[],
    bytes: Uint8Array,
    start: number,
    end: number,
    budget: { steps: number },
  ): boolean {
    for (;;) {
      if (--budget.steps < 0) {
        throw new LimitExceededError({
          limit: 'steps for back-references in a line',
          value: MAX_STEPS,
          max: MAX_STEPS,
        });
      }
      const instruction = this.program.code[pc]!;
      pc += 1;
      switch (instruction.op) {
        case 'match':
          return true;
        case 'set':
          if (at >= end || instruction.set[bytes[at]!] !== 1) return false;
          at += 1;
          break;
        case 'split':
          stack.push({ pc: instruction.second, at, slots });
          pc = instruction.first;
          break;
        case 'jump':
          pc = instruction.to;
          break;
        case 'assert':
          if (!holds(instruction.assertion, kindAt(bytes, at - 1, start, end), kindAt(bytes, at, start, end)))
            return false;
          break;
        case 'save':
        case 'mark':
          slots = slots.with(instruction.slot, at);
          break;
        case 'again':
          if (slots[instruction.slot] !== at) pc = instruction.to;
          break;
        case 'reference': {
          const length = this.#referred(instruction.index, slots, bytes, at, end);
          if (length === undefined) return false;
          at += length;
        }
      }
    }
  }

  /** Length of what a group matched, when it is here again. */
  #referred(index: number, slots: readonly number[], bytes: Uint8Array, at: number, end: number): number | undefined {
    const from = slots[2 * index]!;
    const to = slots[2 * index + 1]!;
    if (from === UNSET || to === UNSET || to < from || at + to - from > end) return undefined;
    for (let i = 0; i < to - from; i++) {
      const a = bytes[from + i]!;
      const b = bytes[at + i]!;
      if (a !== b && !(this.ignoreCase && lower(a) === lower(b))) return undefined;
    }
    return to - from;
  }
}
