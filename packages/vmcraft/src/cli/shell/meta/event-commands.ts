import { ShellError } from '../../language/shell-error.js';
import { EVENTS } from '../events.js';
import type { MetaCommand } from '../meta-command.js';

/** `event`, `delete-event` and `list-events`. */
export const eventCommands: readonly MetaCommand[] = [
  {
    name: 'event',
    aliases: [],
    summary: 'register a handler for an event or events',
    synopsis: ['event name eventset "shell script ..."'],
    doc: `Register a shell script fragment which is executed when an event is raised. The name is any string, even the empty one; it is
there so that "delete-event" can remove the handler.

The eventset is a comma-separated list of events, for example "close" or "close,trace"; "*" means all. Events are: ${EVENTS.join(', ')}.

The fragment is run with "$SHELL -c" and receives what belongs to the event as $1, $2 and so on; the event's name is in $EVENT. For
example: event "" progress "echo progress: $3/$4"`,
    async run(shell, words) {
      const [name, eventset, script] = words;
      if (name === undefined || eventset === undefined || script === undefined || words.length !== 3) {
        throw new ShellError("use 'event <name> <eventset> <script>' to register an event handler");
      }
      shell.events.add(name, eventset, script);
    },
  },
  {
    name: 'delete-event',
    aliases: [],
    summary: 'delete a previously registered event handler',
    synopsis: ['delete-event name'],
    doc: `Delete the event handler which was previously registered as name. If several were registered with the same name, they are all
deleted. See also "event" and "list-events".`,
    async run(shell, words) {
      if (words.length !== 1) throw new ShellError("use 'delete-event <name>' to delete an event handler");
      shell.events.delete(words[0]!);
    },
  },
  {
    name: 'list-events',
    aliases: [],
    summary: 'list event handlers',
    synopsis: ['list-events'],
    doc: 'List the event handlers registered using the "event" command.',
    async run(shell, words) {
      if (words.length > 0) throw new ShellError("use 'list-events' to list event handlers");
      for (const line of shell.events.list()) await shell.output.write(`${line}\n`);
    },
  },
];
