#!/usr/bin/env bash
# make-stock.sh [FOLDER] - makes stock-like.img.xz in FOLDER (default: the test harness's cache), unless it is there,
# and prints its path: a test image like Raspberry Pi OS (tests/harness), filled with 1.9 GB of this machine's own
# programs, libraries and documents, and packed as the official images are, with `xz -T0 -6`.
#
# Needs root, the packages of tests/harness/packages.txt, 8 GB of disk, and about a quarter of an hour.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tests/harness/common.sh"
folder=${1:-$cache/benchmark}
stock=$folder/stock-like.img.xz
if [ -e "$stock" ]; then echo "$stock"; exit; fi
mkdir -p "$folder"
work=$(mktemp -d "$folder/work.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT

say "choosing 1.9 GB of files from /usr"
seed() { yes cardwright; }
# A stock image holds no single file of more than some tens of megabytes.
find /usr -xdev -type f -size -64M -printf '%s %P\n' 2>/dev/null | LC_ALL=C sort -k2 | shuf --random-source=<(seed) |
  awk '{ total += $1; if (total > 1900000000) next; sub(/^[0-9]+ /, ""); printf "%s%c", $0, 0 }' >"$work/chosen"
mkdir "$work/added"
(cd /usr && xargs -0 cp --parents -t "$work/added" <"$work/chosen")
"$here/../tests/harness/make-test-image.sh" --variant synthetic --add "$work/added" trixie "$work/stock-like.img"
rm -rf "$work/added"
say "packing it"
xz -T0 -6 "$work/stock-like.img"
mv "$work/stock-like.img.xz" "$stock"
say "done: $stock"
echo "$stock"
