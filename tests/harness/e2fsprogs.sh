# shellcheck shell=bash
# e2fsprogs.sh - sourced by make-test-image.sh: e2fsprogs of 1.47.1 or later, the first that fills a filesystem
# from a tarball and takes its time from outside. Debian 12's is older: a newer one is then unpacked from its
# backports into the cache; nothing is installed.
#
# Uses: cache, epoch.

e2fsprogs_folder='' e2fsprogs_libraries=''
find_e2fsprogs() {
  local version folder=$cache/e2fsprogs options mirror package
  version=$(mke2fs -V 2>&1 | sed -n 's/^mke2fs \([0-9.]*\).*/\1/p')
  if dpkg --compare-versions "$version" ge 1.47.1; then return; fi
  mkdir -p "$cache"
  exec 7>"$cache/e2fsprogs.lock"
  flock 7 # Tests that run side by side both come here.
  if [ ! -e "$folder/complete" ]; then
    say "mke2fs $version is too old: a newer one comes from bookworm-backports into $folder"
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | sed -n 1p)
    [ -n "$mirror" ] || die "apt names no Debian mirror on this machine"
    rm -rf "$folder"; mkdir -p "$folder"/apt/{lists/partial,parts}
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" >"$folder/apt/sources.list"
    options=(-o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts="$folder/apt/parts"
      -o Dir::State::lists="$folder/apt/lists" -o APT::Sandbox::User=root -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
    apt-get "${options[@]}" -qq update || die "bookworm-backports cannot be reached"
    (cd "$folder/apt" && apt-get "${options[@]}" -qq download e2fsprogs libext2fs2 libcom-err2 libss2) ||
      die "e2fsprogs could not be had from bookworm-backports"
    for package in "$folder"/apt/*.deb; do dpkg -x "$package" "$folder"; done
    touch "$folder/complete"
  fi
  exec 7>&-
  # Not `grep -q`: it would not wait for the end of the list, and whoever then still writes to it fails.
  ldconfig -p | grep libarchive.so.13 >/dev/null || die "libarchive.so.13 not found: apt-get install libarchive13"
  e2fsprogs_folder=$folder/sbin/
  e2fsprogs_libraries=$(dirname "$(find "$folder" -name libext2fs.so.2 | sed -n 1p)")
}

# One of its programs, with the clock standing still: e2 PROGRAM ARGUMENT...
e2() {
  local program=$1; shift
  LD_LIBRARY_PATH=$e2fsprogs_libraries SOURCE_DATE_EPOCH=$epoch E2FSCK_TIME=$epoch E2FSPROGS_FAKE_TIME=$epoch \
    "$e2fsprogs_folder$program" "$@"
}
