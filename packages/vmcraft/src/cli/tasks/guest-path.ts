import { isWindowsPath, type Session, windowsPath } from '@vmcraft/core/guest';

/** The path in the session that a path of the command line means: one as Windows writes it is that of its drive. */
export async function guestPath(session: Session, path: string): Promise<string> {
  return isWindowsPath(path) ? windowsPath(session, path) : path;
}
