import { InternalError } from '@vmcraft/core/errors';
import type { AnyAction } from '@vmcraft/core/guest';
import { printResult } from '../output/printer.js';
import type { OpenedGuest } from '../shell/guest.js';
import { registryJson } from './registry-json.js';
import { changesRegistry, type RegistryOperation, registryOperations, typedValue } from './registry-operations.js';
import { type DiskOptions, printJson, type TaskContext } from './task-context.js';
import { mountGuest, withGuest } from './with-guest.js';

type Options = DiskOptions & Readonly<Record<string, unknown>>;

/** Do what the options ask for on the registry of a guest; without any, run a shell on a hive. */
export async function registryTask(context: TaskContext, options: Options, hive: string | undefined): Promise<void> {
  const operations = registryOperations(options);
  const user = options.user as string | undefined;
  const interactive = operations.length === 0;
  const writes = interactive ? options.write === true : changesRegistry(operations);
  await withGuest(context, options, {
    writes,
    async run(guest) {
      await mountGuest(context, guest, options, !writes);
      if (interactive) {
        const { runHiveShell } = await import('./hive-shell.js');
        return runHiveShell(context, guest, { hive: hive ?? 'SOFTWARE', writable: writes, user });
      }
      for (const operation of operations) await perform(context, guest, operation, user);
    },
  });
}

/** An action of the Windows plugin: sessions of tasks have those of the core only. @throws InternalError */
async function actionOf(name: string): Promise<AnyAction> {
  const { windowsActions } = await import('@vmcraft/os-windows');
  const action = (windowsActions as readonly AnyAction[]).find((a) => a.name === name);
  if (action === undefined) throw new InternalError(`there is no action ${name}`);
  return action;
}

async function invoke(
  guest: OpenedGuest,
  name: string,
  args: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  return guest.invoke(await actionOf(name), args, options);
}

async function perform(
  context: TaskContext,
  guest: OpenedGuest,
  { option, words }: RegistryOperation,
  user: string | undefined,
): Promise<void> {
  const [hive, key, name, value] = words as [string, string, string, string];
  const whose = user === undefined ? {} : { user };
  switch (option) {
    case 'reg-read':
      return print(context, guest, 'registry_read', [hive, key, name], whose);
    case 'reg-list':
      return print(context, guest, 'registry_list', [hive, key], whose);
    case 'reg-import':
      return print(context, guest, 'registry_import', [hive === '-' ? process.stdin : hive], whose);
    case 'reg-export':
      await invoke(guest, 'registry_export', [hive, key, name === '-' ? context.output : name], whose);
      return;
    case 'reg-delete-key':
      await invoke(guest, 'registry_delete', [hive, key], whose);
      return;
    case 'reg-delete-value':
      await invoke(guest, 'registry_delete', [hive, key], { ...whose, name });
      return;
    default: {
      const typed = typedValue(value);
      const type = typed.type === undefined ? {} : { type: typed.type };
      await invoke(guest, 'registry_write', [hive, key, name, typed.value], { ...whose, ...type });
    }
  }
}

async function print(
  context: TaskContext,
  guest: OpenedGuest,
  action: string,
  args: readonly unknown[],
  options: Record<string, unknown>,
): Promise<void> {
  const { returns } = await actionOf(action);
  const result = await invoke(guest, action, args, options);
  if (context.global.json) return printJson(context, registryJson(result));
  for (const piece of printResult(action, returns, registryJson(result))) await context.output.write(piece);
}
