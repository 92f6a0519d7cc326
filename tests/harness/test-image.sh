#!/usr/bin/env bash
# test-image.sh SUITE - prints the path of the bootable test image, in the cache; makes it when a script or a text
# it is made from has changed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
suite=$1
# Tests that run side by side all come here; the first makes it.
mkdir -p "$cache"
exec 9>"$cache/test-image-$suite.lock"
flock 9
packages=$("$here/packages.sh" "$suite")
made_from=$(cd "$here" && { echo "$packages"; cat make-test-image.sh rootfs-overlay.sh e2fsprogs.sh fat-lower.pl common.sh
  find rootfs-overlay -type f -printf '%p %m\n' -exec cat {} + ; } | LC_ALL=C sort | sha256sum | cut -c1-12)
image=$cache/standin-$suite-$made_from.img
if [ ! -s "$image" ]; then
  rm -f "$cache/standin-$suite-"????????????.img
  "$here/make-test-image.sh" "$suite" "$image"
fi
echo "$image"
