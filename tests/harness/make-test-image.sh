#!/usr/bin/env bash
# make-test-image.sh [option...] SUITE OUT.img - makes a test image like Raspberry Pi OS Lite, of 64 bits or,
# with -armhf behind the name, of 32.
#
# SUITE is bullseye, bookworm, trixie or trixie-armhf; the first and the last only in full. OUT.img is raw and
# sparse.
#   --variant full       bootable: Debian's packages and kernel (the default; the package step takes ten
#                        minutes and more, and is kept in the cache)
#   --variant synthetic  no packages: skeleton/ and filler, for tests that only edit; seconds
#   --variant demo       no packages, no filler, as small as it can be
#   --add FOLDER         with what is in FOLDER as /usr/share/added, to make it as large as is wanted
#   --modern-ext4        with metadata_csum_seed and orphan_file, as a host with a newer e2fsprogs makes it
#
# The same packages give the same bytes: no mounts, all times clamped, every identity a hash of SUITE and
# variant. To be run as root. The programs it calls are in the packages of packages.txt.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC   # libarchive, in mke2fs -d, needs UTF-8
umask 022
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

variant=full added='' features=none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,flex_bg,sparse_super,large_file,dir_nlink,extra_isize,metadata_csum
while [ $# -gt 0 ]; do
  case $1 in
    --variant) variant=$2; shift 2 ;;
    --add) added=$2; shift 2 ;;
    --modern-ext4) features=$features,metadata_csum_seed,orphan_file; shift ;;
    -*) sed -n '2,/^set /p' "$0" | sed '$d; s/^# \{0,1\}//'; exit 2 ;;
    *) break ;;
  esac
done
[ $# = 2 ] || die "SUITE and OUT.img are needed"
edition=$1 out=$2
case $edition in bullseye | bookworm | trixie | trixie-armhf) ;;
  *) die "SUITE is bullseye, bookworm, trixie or trixie-armhf, not $edition" ;; esac
suite=${edition%-armhf}
# Sizes in MiB: of the boot partition, what the root partition has beside its files, and of the journal
# (0: as mke2fs chooses).
case $variant in
  full) boot_size=512 room=200 journal=0 ;;
  synthetic) boot_size=512 room=32 journal=0 ;;
  demo) boot_size=40 room=40 journal=4 ;;
  *) die "no variant is called $variant" ;;
esac
mebibyte=1048576 alignment=8388608 cluster=1
case $edition-$variant in *-full) ;; bullseye-* | *-armhf-*)
  die "$edition has no variant $variant: its files come from packages" ;; esac
if [ "$suite" = bullseye ]; then
  boot_size=256 alignment=4194304 cluster=4
fi
[ "$(id -u)" = 0 ] || die "must be run as root"
need mke2fs e2fsprogs; need mcopy mtools; need mkfs.fat dosfstools; need sfdisk fdisk; need perl perl; need cpio cpio

. "$here/e2fsprogs.sh"
. "$here/rootfs-overlay.sh"
. "$here/skeleton.sh"
mkdir -p "$cache"
find_e2fsprogs
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT

identity() { printf 'stand-in %s %s %s' "$edition" "$variant" "$1" | sha256sum | cut -c1-"$2"; }
uuid() { identity "$1" 32 | sed 's/^\(.\{8\}\)\(.\{4\}\).\(...\).\(...\)\(.\{12\}\)$/\1-\2-4\3-8\4-\5/'; }
disk_id=$(identity disk 8)

root=$work/root
mkdir "$root"
if [ "$variant" = full ]; then
  packages=$("$here/packages.sh" "$edition")
  say "unpacking $packages"
  tar -C "$root" --numeric-owner --xattrs --xattrs-include='*' -xpf "$packages"
else
  lay_skeleton "$root"
fi
imitate "$root"
if [ -n "$added" ]; then cp -rT "$added" "$root/usr/share/added"; fi
tidy "$root"

boot_size=$((boot_size * mebibyte)) boot_start=$alignment
root_start=$((boot_start + boot_size))
say "boot partition"
fat=$work/boot.img
truncate -s $boot_size "$fat"
mkfs.fat --invariant -F 32 -s "$cluster" -n bootfs -i "$(identity fat 8)" -h $((boot_start / 512)) "$fat" >/dev/null 2>&1
find "$root$boot_mount" -exec touch -h -d "@$epoch" {} +
# Linux gives every name with a lower-case letter a long-name entry; mtools gives none to `cmdline.txt`, but
# sets two case bits. So that a reader meets here what it meets in a real image, such names go in with a
# capital letter, which makes mtools write a long name, and fat-lower.pl makes that letter small again.
(
  cd "$root$boot_mount"
  export MTOOLS_SKIP_CHECK=1
  find . -mindepth 1 -maxdepth 1 -printf '%P\n' | sort | while read -r name; do
    copied=$name
    if [[ $name =~ ^[a-z][a-z0-9_-]{0,7}(\.[a-z0-9_-]{1,3})?$ ]]; then
      copied=${name^}
      mv "$name" "$copied"
      echo "$name" >>"$work/lower"
    fi
    mcopy -s -m -Q -i "$fat" "$copied" ::/
  done
)
perl "$here/fat-lower.pl" "$fat" <"$work/lower"
find "$root$boot_mount" -mindepth 1 -delete

# The rule of pi-gen: the files, a fifth, and some room.
used=$(du -x --apparent-size -s --block-size=1 "$root" | cut -f1)
root_size=$(((used + used / 5 + room * mebibyte + alignment - 1) / alignment * alignment))
say "root partition: $((root_size / mebibyte)) MiB for $((used / mebibyte)) MiB of files"
tar -C "$root" --sort=name --mtime="@$epoch" --clamp-mtime --numeric-owner --xattrs --xattrs-include='*' --format=posix \
  --pax-option="exthdr.name=%d/PaxHeaders/%f,atime:=$epoch,ctime:=$epoch" -cf "$work/root.tar" .
rm -rf --one-file-system "$root"
ext=$work/root.img
truncate -s $root_size "$ext"
e2 mke2fs -q -F -t ext4 -O "$features" -b 4096 -I 256 -i 16384 -m 5 -L rootfs -U "$(uuid root)" -o linux \
  $([ $journal = 0 ] || echo -J size=$journal) -d "$work/root.tar" \
  -E "hash_seed=$(uuid hash),lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0" "$ext"
rm "$work/root.tar"
# What a kernel would have left: large directories hashed, and a journal with checksums.
e2 e2fsck -f -y -D "$ext" >"$work/e2fsck.log" 2>&1 || [ $? = 1 ] || { cat "$work/e2fsck.log" >&2; die "e2fsck found faults"; }
printf 'journal_open -c -v 3\njournal_close\n' | e2 debugfs -w -f /dev/stdin "$ext" >"$work/debugfs.log" 2>&1
e2 e2fsck -fn "$ext" >"$work/e2fsck.log" 2>&1 || { cat "$work/debugfs.log" "$work/e2fsck.log" >&2; die "e2fsck finds faults"; }

say "partition table"
disk=$work/disk.img
truncate -s $((root_start + root_size)) "$disk"
sfdisk -q --no-reread --no-tell-kernel "$disk" <<S
label: dos
label-id: 0x$disk_id
unit: sectors
sector-size: 512

start=$((boot_start / 512)), size=$((boot_size / 512)), type=c
start=$((root_start / 512)), size=$((root_size / 512)), type=83
S
dd if="$fat" of="$disk" bs=1M seek=$boot_start oflag=seek_bytes conv=notrunc,sparse status=none
dd if="$ext" of="$disk" bs=1M seek=$root_start oflag=seek_bytes conv=notrunc,sparse status=none
mkdir -p "$(dirname "$out")"
cp --sparse=always "$disk" "$out.part"
mv "$out.part" "$out"
say "done: $out"
