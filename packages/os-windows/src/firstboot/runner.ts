/** Name of the service that starts the scripts. */
export const SERVICE = 'VMCraftFirstBoot';
/** Where scripts, runner and log lie, below the system folder: only administrators write there. */
export const FOLDER = 'VMCraft\\firstboot';

const CMD = '%SystemRoot%\\System32\\cmd.exe';

/**
 * What the service starts. It is no program that talks to the service manager, so the manager takes its start for failed, as soon as
 * this first cmd.exe has ended; the second one, which has the scripts to run, is not its concern and goes on as LocalSystem.
 * No path has a space: cmd.exe would need quotes within quotes.
 */
export const IMAGE_PATH = `${CMD} /d /c start /b ${CMD} /d /c %SystemRoot%\\${FOLDER}\\run.cmd`;

/**
 * The runner. A script is moved away before it runs, so that it runs once however it ends, also when it restarts the machine: the rest
 * then follows at the boot after. When none is left the service goes.
 */
export const RUNNER = [
  '@echo off',
  'rem Runs each file in "scripts" once, in the order of their names. Written by VMCraft.',
  'setlocal EnableExtensions DisableDelayedExpansion',
  'set "base=%~dp0"',
  'set "log=%base%log.txt"',
  'if not exist "%base%done" md "%base%done"',
  ':next',
  'set "script="',
  'for /f "delims=" %%f in (\'dir /b /a-d /on "%base%scripts" 2^>nul\') do if not defined script set "script=%%f"',
  'if not defined script goto finished',
  'move /y "%base%scripts\\%script%" "%base%done\\%script%" >nul 2>&1',
  'if exist "%base%scripts\\%script%" goto stuck',
  '>>"%log%" echo %date% %time% %script%: started',
  'if /i "%script:~-4%"==".ps1" goto powershell',
  '"%SystemRoot%\\System32\\cmd.exe" /d /c call "%base%done\\%script%" >>"%log%" 2>&1 <nul',
  'goto ended',
  ':powershell',
  '"%SystemRoot%\\System32\\WindowsPowerShell\\v1.0\\powershell.exe" -NoLogo -NoProfile -NonInteractive' +
    ' -ExecutionPolicy Bypass -File "%base%done\\%script%" >>"%log%" 2>&1 <nul',
  ':ended',
  '>>"%log%" echo %date% %time% %script%: ended with %errorlevel%',
  'goto next',
  ':stuck',
  '>>"%log%" echo %date% %time% %script%: could not be moved, so nothing more is run',
  ':finished',
  `"%SystemRoot%\\System32\\sc.exe" delete ${SERVICE} >>"%log%" 2>&1`,
  'exit /b 0',
  '',
].join('\r\n');
