import {
  arg,
  Bool,
  BufferIn,
  defineAction,
  Int64,
  OptString,
  Pathname,
  PlainString,
  type Session,
} from '@vmcraft/core/guest';
import type { HivexHandle } from './hivex-handle.js';

const theme = 'hivex';
const group = 'hivex';
const nodeh = arg('nodeh', Int64);
const valueh = arg('valueh', Int64);

/** Everything but the declarations is loaded when the first of these actions runs. */
async function handle(g: Session): Promise<HivexHandle> {
  return (await import('./hivex-handle.js')).currentHandle(g);
}

/** The hivex functions of guestfs: one hive open at a time, keys and values by number. */
export const hivexActions = [
  defineAction({
    name: 'hivex_open',
    theme,
    group,
    args: [arg('filename', Pathname)],
    options: { verbose: Bool, debug: Bool, write: Bool, unsafe: Bool },
    returns: 'void',
    doc: 'Open a registry hive of the guest; one that is open already is closed. What its logs hold is taken in. Only with `write` can it be changed. `verbose`, `debug` and `unsafe` are accepted and change nothing.',
    run: async (g, filename, { write }) => (await import('./hivex-handle.js')).openHandle(g, filename, write === true),
  }),
  defineAction({
    name: 'hivex_close',
    theme,
    group,
    args: [],
    returns: 'void',
    doc: 'Close the hive. Changes that were not committed are lost.',
    run: async (g) => (await import('./hivex-handle.js')).closeHandle(g),
  }),
  defineAction({
    name: 'hivex_root',
    theme,
    group,
    args: [],
    returns: 'RInt64',
    doc: 'The root key.',
    run: async (g) => (await handle(g)).root(),
  }),
  defineAction({
    name: 'hivex_node_name',
    theme,
    group,
    args: [nodeh],
    returns: 'RString',
    doc: 'The name of a key.',
    run: async (g, node) => (await handle(g)).nodeName(node),
  }),
  defineAction({
    name: 'hivex_node_children',
    theme,
    group,
    args: [nodeh],
    returns: { structList: 'hivex_node' },
    doc: 'The subkeys of a key.',
    run: async (g, node) => (await (await handle(g)).children(node)).map((h) => ({ hivex_node_h: h })),
  }),
  defineAction({
    name: 'hivex_node_get_child',
    theme,
    group,
    args: [nodeh, arg('name', PlainString)],
    returns: 'RInt64',
    doc: 'The subkey of this name, whatever its case; 0 when there is none.',
    run: async (g, node, name) => (await handle(g)).child(node, name),
  }),
  defineAction({
    name: 'hivex_node_parent',
    theme,
    group,
    args: [nodeh],
    returns: 'RInt64',
    doc: 'The key above a key. The root has none.',
    run: async (g, node) => (await handle(g)).parent(node),
  }),
  defineAction({
    name: 'hivex_node_values',
    theme,
    group,
    args: [nodeh],
    returns: { structList: 'hivex_value' },
    doc: 'The values of a key.',
    run: async (g, node) => (await (await handle(g)).values(node)).map((h) => ({ hivex_value_h: h })),
  }),
  defineAction({
    name: 'hivex_node_get_value',
    theme,
    group,
    args: [nodeh, arg('key', PlainString)],
    returns: 'RInt64',
    doc: 'The value of this name, whatever its case; the empty name is the default value. 0 when there is none.',
    run: async (g, node, key) => (await handle(g)).valueOf(node, key),
  }),
  ...hivexValueActions(),
  ...hivexChangeActions(),
] as const;

function hivexValueActions() {
  return [
    defineAction({
      name: 'hivex_value_key',
      theme,
      group,
      args: [valueh],
      returns: 'RString',
      doc: 'The name of a value; empty for the default value.',
      run: async (g, value) => (await (await handle(g)).value(value)).name,
    }),
    defineAction({
      name: 'hivex_value_type',
      theme,
      group,
      args: [valueh],
      returns: 'RInt64',
      doc: 'The type of a value by its number: 1 is REG_SZ, 4 REG_DWORD …',
      run: async (g, value) => (await (await handle(g)).value(value)).type,
    }),
    defineAction({
      name: 'hivex_value_value',
      theme,
      group,
      args: [valueh],
      returns: 'RBufferOut',
      doc: 'The bytes of a value.',
      run: async (g, value) => (await (await handle(g)).value(value)).raw,
    }),
    defineAction({
      name: 'hivex_value_string',
      theme,
      group,
      args: [valueh],
      returns: 'RString',
      doc: 'The text of a value of type REG_SZ, REG_EXPAND_SZ or REG_LINK.',
      run: async (g, value) => (await handle(g)).text(value),
    }),
    defineAction({
      name: 'hivex_value_utf8',
      theme,
      group,
      deprecatedBy: 'hivex_value_string',
      args: [valueh],
      returns: 'RString',
      doc: 'The text of a value of type REG_SZ, REG_EXPAND_SZ or REG_LINK.',
      run: async (g, value) => (await handle(g)).text(value),
    }),
  ] as const;
}

function hivexChangeActions() {
  return [
    defineAction({
      name: 'hivex_node_add_child',
      theme,
      group,
      args: [arg('parent', Int64), arg('name', PlainString)],
      returns: 'RInt64',
      doc: 'Add a subkey. It is an error when there is one of this name.',
      run: async (g, parent, name) => (await handle(g)).addChild(parent, name),
    }),
    defineAction({
      name: 'hivex_node_delete_child',
      theme,
      group,
      args: [nodeh],
      returns: 'void',
      doc: 'Delete a key with all below it.',
      run: async (g, node) => (await handle(g)).deleteNode(node),
    }),
    defineAction({
      name: 'hivex_node_set_value',
      theme,
      group,
      args: [nodeh, arg('key', PlainString), arg('t', Int64), arg('val', BufferIn)],
      returns: 'void',
      doc: 'Set a value of a key from its type by number and its bytes.',
      run: async (g, node, key, type, bytes) => (await handle(g)).setValue(node, key, type, bytes),
    }),
    defineAction({
      name: 'hivex_commit',
      theme,
      group,
      args: [arg('filename', OptString)],
      returns: 'void',
      doc: 'Write the changes to the hive, or to another file of the guest and leave the hive as it was.',
      run: async (g, filename) => (await handle(g)).commit(filename ?? undefined),
    }),
  ] as const;
}
