import { corrupt } from './corruption.js';
import type { HiveState } from './hive-state.js';
import { deleteLeafKey } from './key-edit.js';
import { BASE_BLOCK_SIZE, MAX_DEPTH } from './layout.js';
import { subkeyCells } from './subkey-list.js';

/** Several changes that happen wholly or not at all. Within another such call they become part of it. */
export async function inTransaction<T>(state: HiveState, work: () => Promise<T>): Promise<T> {
  await state.allocator.prepare();
  return state.store.transaction(() => {
    state.store.onRollback(() => state.allocator.reset());
    return work();
  });
}

/** Delete a key with all below it, deepest first; each key is one mutation, so that few pages are needed at once. */
export async function deleteTree(state: HiveState, key: number): Promise<void> {
  const stack = [{ cell: key, subkeys: undefined as number[] | undefined }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const { cell } = top;
    top.subkeys ??= await state.store.run(() => subkeyCells(state.cells, cell));
    const next = top.subkeys.pop();
    if (next === undefined) {
      await state.store.mutate(() => deleteLeafKey(state, cell));
      stack.pop();
      continue;
    }
    if (stack.length > MAX_DEPTH) {
      throw corrupt('KeyNode', 'Key node', next + BASE_BLOCK_SIZE, `a key more than ${MAX_DEPTH} levels deep`);
    }
    stack.push({ cell: next, subkeys: undefined });
  }
}
