import { commandHelp } from '../shell-information.js';
import { version } from '../version.js';
import { buildProgram } from './program.js';
import type { TaskContext } from './task-context.js';

/** Help on a task, else on a command of the shell, else in general. */
export async function helpTask(context: TaskContext, topic: string | undefined): Promise<void> {
  const program = buildProgram(version, () => context);
  const task = topic === undefined ? program : program.commands.find((command) => command.name() === topic);
  if (task !== undefined) return context.output.write(helpOf(task));
  await commandHelp(topic!, context.factory);
}

/** The help of a command with its examples, as text. */
function helpOf(command: ReturnType<typeof buildProgram>): string {
  let text = '';
  command.configureOutput({
    writeOut: (chunk) => {
      text += chunk;
    },
  });
  command.outputHelp();
  return text;
}
