# shellcheck shell=bash
# common.sh - sourced by the scripts beside it.

# Every time in an image is this one, or earlier: 2026-06-18, a day on which a stock image came out.
epoch=1781740800
caches=${XDG_CACHE_HOME:-$HOME/.cache}
cache=${CARDWRIGHT_TEST_CACHE:-$caches/cardwright-tests}
# The former names, of the folder and of the variables, go on being found.
if [ -n "${CARDWRIGHT_RIG_CACHE:-}" ]; then
  cache=$CARDWRIGHT_RIG_CACHE
elif [ -z "${CARDWRIGHT_TEST_CACHE:-}" ] && [ -d "$caches/cardwright-rig" ]; then
  cache=$caches/cardwright-rig
fi
[ -z "${CARDWRIGHT_JUDGES:-}" ] || export CARDWRIGHT_ORACLES=$CARDWRIGHT_JUDGES
PATH=$PATH:/usr/sbin:/sbin

die() { echo "${0##*/}: error: $*" >&2; exit 1; }
say() { printf '[%4ds] %s\n' "$SECONDS" "$*" >&2; }
need() { command -v "$1" >/dev/null || die "$1 not found: apt-get install $2"; }
