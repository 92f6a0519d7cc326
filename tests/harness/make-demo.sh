#!/usr/bin/env bash
# make-demo.sh [OUT.img.xz] - makes src/demo/trixie-lite.img.xz, the stock image inside the program.
# To be run as root, after a change of skeleton/, skeleton.sh, rootfs-overlay.sh or rootfs-overlay/.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../../src/demo/trixie-lite.img.xz}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/make-test-image.sh" --variant demo trixie "$work/trixie-lite.img"
mkdir -p "$(dirname "$out")"
# Blocks of 4 MiB, so that it is read at random as a downloaded image is.
xz -T1 -6e --block-size=4MiB --check=crc64 "$work/trixie-lite.img"
mv "$work/trixie-lite.img.xz" "$out"
