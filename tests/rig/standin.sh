#!/usr/bin/env bash
# standin.sh SUITE - prints the path of the bootable stand-in, in the cache; makes it when a script or a text
# it is made from has changed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
suite=$1
packages=$("$here/packages.sh" "$suite")
made_from=$(cd "$here" && { echo "$packages"; cat make-standin.sh likeness.sh e2fsprogs.sh fat-lower.pl common.sh
  find imitation -type f -printf '%p %m\n' -exec cat {} + ; } | LC_ALL=C sort | sha256sum | cut -c1-12)
image=$cache/standin-$suite-$made_from.img
if [ ! -s "$image" ]; then
  rm -f "$cache/standin-$suite-"*.img
  "$here/make-standin.sh" "$suite" "$image"
fi
echo "$image"
