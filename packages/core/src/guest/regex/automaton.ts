import type { RegexProgram } from './program.js';
import { type Assertion, isWordByte } from './syntax.js';

/** What is at one side of a position. */
const EDGE = 0;
const OTHER = 1;
const WORD = 2;
/** Stands for the end of the line among the bytes. */
const END = 256;
const UNKNOWN = -1;
const ACCEPT = -2;
/** States kept before all are dropped and found again, so that no expression takes memory without bound. */
const MAX_STATES = 2000;

interface State {
  /** Instructions to go on with at this position, sorted. */
  readonly starts: readonly number[];
  readonly before: number;
  readonly next: Int32Array;
}

const KIND = Uint8Array.from({ length: 257 }, (_, byte) => (byte === END ? EDGE : isWordByte(byte) ? WORD : OTHER));

/** Whether a condition holds between what is before and what is after. */
export function holds(assertion: Assertion, before: number, after: number): boolean {
  const isAfterWord = before === WORD;
  const isBeforeWord = after === WORD;
  switch (assertion) {
    case 'begin':
      return before === EDGE;
    case 'end':
      return after === EDGE;
    case 'wordBegin':
      return !isAfterWord && isBeforeWord;
    case 'wordEnd':
      return isAfterWord && !isBeforeWord;
    case 'wordEdge':
      return isAfterWord !== isBeforeWord;
    default:
      return isAfterWord === isBeforeWord;
  }
}

/** Kind of the byte at an offset, `EDGE` outside of the line. */
export function kindAt(bytes: Uint8Array, at: number, start: number, end: number): number {
  return at < start || at >= end ? EDGE : KIND[bytes[at]!]!;
}

/** Finds expressions without back-references in time linear in the text, by a deterministic automaton that is built as it is needed. */
export class Automaton {
  #states: State[] = [];
  #numbers = new Map<string, number>();

  constructor(private readonly program: RegexProgram) {
    this.#reset();
  }

  /** Whether the expression matches somewhere in the line from `start` up to `end`. */
  matches(bytes: Uint8Array, start: number, end: number): boolean {
    let state = 0;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      let next = this.#states[state]!.next[byte]!;
      if (next === UNKNOWN) next = this.#step(state, byte);
      if (next === ACCEPT) return true;
      state = next;
    }
    const last = this.#states[state]!.next[END]!;
    return (last === UNKNOWN ? this.#step(state, END) : last) === ACCEPT;
  }

  #reset(): void {
    this.#states = [];
    this.#numbers = new Map();
    this.#numberOf([], EDGE);
  }

  #numberOf(starts: readonly number[], before: number): number {
    const key = `${before}:${starts.join(',')}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.#states.length);
    return this.#states.push({ starts, before, next: new Int32Array(257).fill(UNKNOWN) }) - 1;
  }

  #step(number: number, byte: number): number {
    const state = this.#states[number]!;
    const sets = this.#closure(state, KIND[byte]!);
    if (sets === undefined || byte === END) {
      const result = sets === undefined ? ACCEPT : 0;
      state.next[byte] = result;
      return result;
    }
    const targets: number[] = [];
    for (const at of sets) {
      const instruction = this.program.code[at]!;
      if (instruction.op === 'set' && instruction.set[byte] === 1) targets.push(at + 1);
    }
    targets.sort((a, b) => a - b);
    const isFull = this.#states.length >= MAX_STATES;
    if (isFull) this.#reset();
    const next = this.#numberOf(targets, KIND[byte]!);
    if (!isFull) state.next[byte] = next;
    return next;
  }

  /** Instructions that take a byte and can be reached here; undefined when the end of the program can. A match may begin at any place. */
  #closure({ starts, before }: State, after: number): number[] | undefined {
    const { code } = this.program;
    const seen = new Uint8Array(code.length);
    const sets: number[] = [];
    const stack = [0, ...starts];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (seen[at] === 1) continue;
      seen[at] = 1;
      const instruction = code[at]!;
      if (instruction.op === 'match') return undefined;
      if (instruction.op === 'set') sets.push(at);
      else if (instruction.op === 'split') stack.push(instruction.first, instruction.second);
      else if (instruction.op === 'jump') stack.push(instruction.to);
      else if (instruction.op === 'again') stack.push(instruction.to, at + 1);
      else if (instruction.op !== 'assert' || holds(instruction.assertion, before, after)) stack.push(at + 1);
    }
    return sets;
  }
}
