import { type Assertion, type RegexNode, regexError } from './syntax.js';

/** One instruction; execution goes on with the next one unless it says otherwise. */
export type Instruction =
  | { readonly op: 'match' }
  | { readonly op: 'set'; readonly set: Uint8Array }
  | { readonly op: 'split'; readonly first: number; readonly second: number }
  | { readonly op: 'jump'; readonly to: number }
  | { readonly op: 'assert'; readonly assertion: Assertion }
  | { readonly op: 'save'; readonly slot: number }
  /** Remember where an iteration begins. */
  | { readonly op: 'mark'; readonly slot: number }
  /** Go to `to` for another iteration, unless this one was empty. */
  | { readonly op: 'again'; readonly slot: number; readonly to: number }
  | { readonly op: 'reference'; readonly index: number };

const MAX_INSTRUCTIONS = 50_000;

/** An expression as a program for the matchers. */
export interface RegexProgram {
  readonly code: readonly Instruction[];
  /** Number of slots for group edges and marks. */
  readonly slots: number;
}

/** @throws UsageError when it gets too big */
export function compileProgram(node: RegexNode): RegexProgram {
  const compiler = new Compiler();
  compiler.emitNode(node);
  compiler.emit({ op: 'match' });
  return { code: compiler.code, slots: compiler.slots };
}

class Compiler {
  readonly code: Instruction[] = [];
  /** Nine groups can be referred to; slots 2n and 2n+1 are the edges of group n. */
  slots = 20;
  #nodes = 0;

  emit(instruction: Instruction): number {
    if (this.code.length >= MAX_INSTRUCTIONS) throw regexError('Regular expression too big');
    return this.code.push(instruction) - 1;
  }

  emitNode(node: RegexNode): void {
    // Repetitions of nothing add no instructions, but take time all the same.
    if (++this.#nodes > 2 * MAX_INSTRUCTIONS) throw regexError('Regular expression too big');
    switch (node.kind) {
      case 'set':
        this.emit({ op: 'set', set: node.set });
        break;
      case 'sequence':
        for (const item of node.items) this.emitNode(item);
        break;
      case 'choice':
        this.#emitChoice(node.items);
        break;
      case 'repeat':
        this.#emitRepeat(node.item, node.min, node.max);
        break;
      case 'group':
        this.#emitGroup(node.item, node.index);
        break;
      case 'reference':
        this.emit({ op: 'reference', index: node.index });
        break;
      case 'assertion':
        this.emit({ op: 'assert', assertion: node.assertion });
        break;
    }
  }

  #emitGroup(item: RegexNode, index: number): void {
    const isReferable = index < 10;
    if (isReferable) this.emit({ op: 'save', slot: 2 * index });
    this.emitNode(item);
    if (isReferable) this.emit({ op: 'save', slot: 2 * index + 1 });
  }

  #emitChoice(items: readonly RegexNode[]): void {
    const jumps: number[] = [];
    for (const [i, item] of items.entries()) {
      if (i === items.length - 1) {
        this.emitNode(item);
        break;
      }
      const split = this.emit({ op: 'jump', to: 0 });
      this.emitNode(item);
      jumps.push(this.emit({ op: 'jump', to: 0 }));
      this.code[split] = { op: 'split', first: split + 1, second: this.code.length };
    }
    for (const jump of jumps) this.code[jump] = { op: 'jump', to: this.code.length };
  }

  #emitRepeat(item: RegexNode, min: number, max: number): void {
    for (let i = 0; i < min; i++) this.emitNode(item);
    if (max === Number.POSITIVE_INFINITY) {
      this.#emitStar(item);
      return;
    }
    const splits: number[] = [];
    for (let i = min; i < max; i++) {
      splits.push(this.emit({ op: 'jump', to: 0 }));
      this.emitNode(item);
    }
    for (const split of splits) this.code[split] = { op: 'split', first: split + 1, second: this.code.length };
  }

  #emitStar(item: RegexNode): void {
    const slot = this.slots++;
    const split = this.emit({ op: 'jump', to: 0 });
    this.emit({ op: 'mark', slot });
    this.emitNode(item);
    this.emit({ op: 'again', slot, to: split });
    this.code[split] = { op: 'split', first: split + 1, second: this.code.length };
  }
}
