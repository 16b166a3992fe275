/** First builds of the servers that all are version 10.0, newest first. */
const SERVERS_10: readonly (readonly [build: number, id: string])[] = [
  [26040, 'win2k25'],
  [20348, 'win2k22'],
  [17623, 'win2k19'],
  [0, 'win2k16'],
];
const WINDOWS_11_BUILD = 22000;

/** Short ids of libosinfo by version: of clients, and of servers. */
const IDS: Readonly<Record<string, readonly [client: string, server: string]>> = {
  '5.0': ['win2k', 'win2k'],
  '5.1': ['winxp', 'winxp'],
  '5.2': ['winxp', 'win2k3'],
  '6.0': ['winvista', 'win2k8'],
  '6.1': ['win7', 'win2k8r2'],
  '6.2': ['win8', 'win2k12'],
  '6.3': ['win8.1', 'win2k12r2'],
};

/** A likely short id of libosinfo (guestfs `inspect_get_osinfo`); undefined for versions it does not know. */
export function osinfoId(major: number, minor: number, build: number, isServer: boolean): string | undefined {
  if (major === 10 && minor === 0) {
    if (isServer) return SERVERS_10.find(([first]) => build >= first)?.[1];
    return build >= WINDOWS_11_BUILD ? 'win11' : 'win10';
  }
  return IDS[`${major}.${minor}`]?.[isServer ? 1 : 0];
}
