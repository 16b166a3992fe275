import { MetaCommands } from '../meta-command.js';
import { controlCommands } from './control.js';
import { editCommands } from './edit.js';
import { environmentCommands } from './environment.js';
import { eventCommands } from './event-commands.js';
import { imageCommands } from './images.js';
import { textCommands } from './text.js';
import { transferCommands } from './transfer.js';

/** The shell's own commands. */
export function metaCommands(): MetaCommands {
  return new MetaCommands([
    ...controlCommands,
    ...imageCommands,
    ...transferCommands,
    ...textCommands,
    ...editCommands,
    ...environmentCommands,
    ...eventCommands,
  ]);
}
