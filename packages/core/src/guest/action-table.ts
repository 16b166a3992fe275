import { PluginError, UsageError } from '../errors/index.js';
import { type AnyAction, camelCase, commandName } from './action.js';

/** The actions a session has, found by guestfs name (`mkdir_mode`), command (`mkdir-mode`), alias (`add`) or method (`mkdirMode`). */
export class ActionTable {
  readonly #actions = new Map<string, AnyAction>();
  readonly #keys = new Map<string, AnyAction>();

  constructor(actions: readonly AnyAction[] = []) {
    this.add('vmcraft', actions);
  }

  /** @throws PluginError when a name is taken already */
  add(plugin: string, actions: readonly AnyAction[]): void {
    for (const action of actions) {
      const keys = new Set([
        action.name,
        commandName(action.name),
        camelCase(action.name),
        ...(action.aliases ?? []).flatMap((alias) => [alias, alias.replaceAll('-', '_')]),
      ]);
      for (const key of keys) {
        const other = this.#keys.get(key);
        if (other === undefined) continue;
        throw new PluginError({
          plugin,
          conflict: [action.name, other.name],
          reason: `action '${action.name}' takes the name '${key}' of action '${other.name}'`,
        });
      }
      for (const key of keys) this.#keys.set(key, action);
      this.#actions.set(action.name, action);
    }
  }

  /**
   * Add those whose names are free.
   * @returns those whose guestfs name is taken: they can only stand in
   */
  addFallbacks(plugin: string, actions: readonly AnyAction[]): readonly AnyAction[] {
    this.add(
      plugin,
      actions.filter(({ name }) => this.find(name) === undefined),
    );
    const own = new Set(actions);
    return actions.filter(({ name }) => !own.has(this.get(name)));
  }

  /** Undefined when there is no such action. */
  find(name: string): AnyAction | undefined {
    return this.#keys.get(name);
  }

  /** @throws UsageError when there is no such action */
  get(name: string): AnyAction {
    const action = this.find(name);
    if (action === undefined) throw new UsageError(`no action is called '${name}'`, { argument: name });
    return action;
  }

  /** All actions in the order in which they were added. */
  list(): readonly AnyAction[] {
    return [...this.#actions.values()];
  }

  [Symbol.iterator](): IterableIterator<AnyAction> {
    return this.#actions.values();
  }
}
