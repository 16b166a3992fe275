#!/bin/bash
# in-turns.sh SAMPLES IMAGE FILE NODE CLI NBD-SCRIPT: time both ways in turns. Prints `name wall user system`, seconds.
set -euo pipefail
samples=$1 image=$2 file=$3 node=$4 cli=$5 script=$6
measure() {
  local name=$1; shift
  local TIMEFORMAT="$name %R %U %S" text
  { time text=$("$@" 2> /tmp/complaint); } 2>&1 || { cat /tmp/complaint >&2; exit 1; }
  [ "$text" = benchmark ] || { echo "$name printed: $text" >&2; exit 1; }
}
for _ in $(seq "$samples"); do
  measure vmcraft "$node" "$cli" cat -a "$image" -m /dev/sda --backend host "/$file"
  measure qemu-nbd bash "$script" "$image" "$file"
done
