import type { Command } from 'commander';
import { commandHelpText } from '../shell-information.js';
import type { TaskContext } from './task-context.js';

/** Help on a task, else on a command of the shell, else in general. */
export async function helpTask(context: TaskContext, topic: string | undefined, program: Command): Promise<void> {
  const task = topic === undefined ? program : program.commands.find((command) => command.name() === topic);
  if (task !== undefined) return context.output.write(helpOf(task));
  await context.output.write(await commandHelpText(topic!, context.factory));
}

/** The help of a command with its examples, as text. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (chunk) => {
      text += chunk;
    },
  });
  command.outputHelp();
  return text;
}
