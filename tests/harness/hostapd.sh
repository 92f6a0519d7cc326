#!/usr/bin/env bash
# hostapd.sh SUITE - prints the path of hostapd for arm64, which no image of Raspberry Pi OS has; it comes from
# Debian into the cache. What it is linked to is on every image with wpasupplicant.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
unpack_packages "$cache/hostapd-$1" "$1" arm64 hostapd
echo "$cache/hostapd-$1/usr/sbin/hostapd"
