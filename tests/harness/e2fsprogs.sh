# shellcheck shell=bash
# e2fsprogs.sh - sourced by make-test-image.sh: e2fsprogs of 1.47.1 or later, the first that fills a filesystem
# from a tarball and takes its time from outside. Debian 12's is older: a newer one is then unpacked from its
# backports into the cache; nothing is installed.
#
# Uses: cache, epoch.

e2fsprogs_folder='' e2fsprogs_libraries=''
find_e2fsprogs() {
  local version folder=$cache/e2fsprogs
  version=$(mke2fs -V 2>&1 | sed -n 's/^mke2fs \([0-9.]*\).*/\1/p')
  if dpkg --compare-versions "$version" ge 1.47.1; then return; fi
  say "mke2fs $version is too old: a newer one comes from bookworm-backports"
  unpack_packages "$folder" bookworm-backports "$(dpkg --print-architecture)" e2fsprogs libext2fs2 libcom-err2 libss2
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
