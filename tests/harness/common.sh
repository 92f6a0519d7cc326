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

# unpack_packages FOLDER SUITE ARCHITECTURE PACKAGE... - Debian packages, unpacked into FOLDER; nothing is installed.
# Everyone who asks for the same FOLDER at the same time waits for the first.
unpack_packages() {
  local folder=$1 suite=$2 architecture=$3 options mirror package
  shift 3
  mkdir -p "$cache"
  exec 7>"$folder.lock"
  flock 7
  if [ ! -e "$folder/complete" ]; then
    say "$* of $suite: unpacking into $folder"
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | sed -n 1p)
    [ -n "$mirror" ] || die "apt names no Debian mirror on this machine"
    rm -rf "$folder"; mkdir -p "$folder"/apt/{lists/partial,parts}
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$folder/apt/sources.list"
    options=(-o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts="$folder/apt/parts"
      -o Dir::State::lists="$folder/apt/lists" -o APT::Sandbox::User=root -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
      -o APT::Architecture="$architecture" -o APT::Architectures="$architecture")
    apt-get "${options[@]}" -qq update || die "$suite cannot be reached"
    (cd "$folder/apt" && apt-get "${options[@]}" -qq download "$@") || die "$suite has no $*"
    for package in "$folder"/apt/*.deb; do dpkg -x "$package" "$folder"; done
    touch "$folder/complete"
  fi
  exec 7>&-
}
