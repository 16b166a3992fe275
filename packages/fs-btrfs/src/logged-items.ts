import { LimitExceededError } from '@vmcraft/core/errors';
import { LogReplay } from './log-replay.js';
import type { ItemSource } from './subvolume.js';
import { compare, type Item, type Key, type Tree } from './tree.js';

/** Items that a log may change. A log holds what was fsynced within one transaction, 30 seconds. */
const MAX_CHANGES = 500_000;

/** The items of a tree with changes over them: some are gone, some are new or have other data. */
export class LoggedItems implements ItemSource {
  readonly #changed = new Map<string, Item | undefined>();
  #sorted: readonly Item[] | undefined;

  private constructor(private readonly tree: Tree) {}

  /** A subvolume's items as the kernel makes them of its log when it mounts. @throws CorruptImageError, LimitExceededError */
  static async over(tree: Tree, log: Tree): Promise<LoggedItems> {
    const items = new LoggedItems(tree);
    await new LogReplay(items, tree, log).run();
    return items;
  }

  /** Put an item, over whatever has its key. */
  put(item: Item): void {
    this.#change(item, item);
  }

  /** Take an item away. */
  remove(key: Key): void {
    this.#change(key, undefined);
  }

  #change(key: Key, item: Item | undefined): void {
    this.#changed.set(nameOf(key), item);
    this.#sorted = undefined;
    if (this.#changed.size > MAX_CHANGES) {
      throw new LimitExceededError({
        limit: 'items that the log of a btrfs changes',
        value: this.#changed.size,
        max: MAX_CHANGES,
      });
    }
  }

  async find(key: Key): Promise<Item | undefined> {
    const name = nameOf(key);
    return this.#changed.has(name) ? this.#changed.get(name) : this.tree.find(key);
  }

  async last(key: Key): Promise<Item | undefined> {
    const own = this.#own();
    const mine = own[indexAfter(own, key) - 1];
    let found = await this.tree.last(key);
    while (found !== undefined && this.#changed.has(nameOf(found))) {
      found = await this.tree.last({ ...found, offset: found.offset - 1 });
      if (found !== undefined && mine !== undefined && compare(found, mine) < 0) break;
    }
    if (found === undefined || mine === undefined) return found ?? mine;
    return compare(found, mine) > 0 ? found : mine;
  }

  async *range(from: Key, to: Key): AsyncGenerator<Item> {
    const own = this.#own();
    let at = indexAfter(own, { ...from, offset: from.offset - 1 });
    for await (const item of this.tree.range(from, to)) {
      for (let mine = own[at]; mine !== undefined && compare(mine, item) < 0; mine = own[at]) {
        yield mine;
        at += 1;
      }
      if (!this.#changed.has(nameOf(item))) yield item;
    }
    for (let mine = own[at]; mine !== undefined && compare(mine, to) <= 0; mine = own[at]) {
      yield mine;
      at += 1;
    }
  }

  #own(): readonly Item[] {
    this.#sorted ??= [...this.#changed.values()].filter((item) => item !== undefined).sort(compare);
    return this.#sorted;
  }
}

const nameOf = ({ objectid, type, offset }: Key): string => `${objectid}/${type}/${offset}`;

function indexAfter(items: readonly Item[], key: Key): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(items[middle] as Item, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
