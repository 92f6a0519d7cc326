# shellcheck shell=bash
# common.sh - sourced by the scripts beside it.

# Every time in an image is this one, or earlier: 2026-06-18, a day on which a stock image came out.
epoch=1781740800
cache=${CARDWRIGHT_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cardwright-rig}
PATH=$PATH:/usr/sbin:/sbin

die() { echo "${0##*/}: error: $*" >&2; exit 1; }
say() { printf '[%4ds] %s\n' "$SECONDS" "$*" >&2; }
need() { command -v "$1" >/dev/null || die "$1 not found: apt-get install $2"; }
