/** Prefixes of Win32 and NT paths that mean nothing on a disk: `\\?\`, `\\.\`, `\??\`. */
export const NAMESPACE = /^[\\/]{2}[?.][\\/]|^\\\?\?\\/;
/** A drive letter. */
export const DRIVE = /^([a-z]):(?=[\\/]|$)/i;
/** A variable of the environment. */
export const VARIABLE = /^%([^%\\/]+)%(?=[\\/]|$)/;

/** Whether a path is written as Windows writes it: `C:\…`, `%SystemRoot%\…`, `\Windows`, `win:…`. */
export function isWindowsPath(path: string): boolean {
  return (
    /^win:/i.test(path) || path.startsWith('\\') || DRIVE.test(path) || VARIABLE.test(path) || NAMESPACE.test(path)
  );
}
