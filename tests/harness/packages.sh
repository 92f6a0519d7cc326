#!/usr/bin/env bash
# packages.sh SUITE - the slow step: Debian's packages, unpacked and configured under emulation.
# Prints the path of the tarball, which is kept in the cache until something below changes.
# SUITE: bullseye | bookworm | trixie | trixie-armhf. Needs root and the packages of packages.txt.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
suite=$1
release=${suite%-armhf} architecture=arm64 architectures=arm64 kernel=linux-image-arm64
if [ "$release" != "$suite" ]; then
  # On a Raspberry Pi 4 or 5 Raspberry Pi OS of 32 bits runs on a kernel of 64 bits.
  architecture=armhf architectures=armhf,arm64 kernel=linux-image-arm64:arm64
fi

# What the stock images have and a first boot meets; on Debian's own kernel.
include=systemd,systemd-sysv,udev,dbus,libpam-systemd,systemd-timesyncd,network-manager,openssh-server,\
sudo,ca-certificates,curl,kmod,procps,iproute2,iputils-ping,netbase,adduser,tzdata,e2fsprogs,dosfstools,\
fdisk,busybox,zstd,initramfs-tools,wpasupplicant,iw,rfkill,wireless-regdb,avahi-daemon,kbd,\
console-setup,keyboard-configuration,locales,$kernel
hooks=()
case $release in
  bullseye)
    include=$include,fake-hwclock,dhcpcd5,openresolv,python3-yaml
    # debootstrap, which makes Raspberry Pi's, makes /bin, /lib and /sbin links already on bullseye.
    # shellcheck disable=SC2016 # mmdebstrap's shell is the one that knows $1
    hooks=(--setup-hook='for folder in bin lib sbin; do mkdir -p "$1/usr/$folder"; ln -s "usr/$folder" "$1/$folder"; done') ;;
  bookworm) include=$include,fake-hwclock ;;
  trixie) include=$include,cloud-init,netplan.io ;;
  *) die "SUITE is bullseye, bookworm, trixie or trixie-armhf, not $suite" ;;
esac
# Drivers of hardware that QEMU does not show: they would only make every later step slower.
exclude=(/usr/share/man /usr/share/locale /usr/share/doc /usr/share/info)
for modules in /lib/modules /usr/lib/modules; do
  for drivers in gpu media infiniband staging iio isdn net/ethernet net/wireless scsi sound; do
    exclude+=("$modules/*/kernel/drivers/$drivers")
  done
  exclude+=("$modules/*/kernel/sound" "$modules/*/kernel/fs/xfs" "$modules/*/kernel/fs/ocfs2" "$modules/*/kernel/fs/btrfs")
done
slim=()
for folder in "${exclude[@]}"; do slim+=(--dpkgopt="path-exclude=$folder/*"); done
# What locale-gen reads.
slim+=(--dpkgopt="path-include=/usr/share/locale/locale.alias")
# The one driver of a radio that needs none.
for modules in /lib/modules /usr/lib/modules; do slim+=(--dpkgopt="path-include=$modules/*/mac80211_hwsim.ko*"); done

# Laid down before any package is unpacked, so that the kernel's own trigger makes the initramfs with the
# programs that the first boot's scripts call, the drivers of QEMU's virt board, and no other name for eth0.
setup=$cache/setup-$suite
lay_setup() {
  rm -rf "$setup"
  mkdir -p "$setup"/{boot/firmware,etc/initramfs-tools/conf.d,etc/systemd/network,usr/share/initramfs-tools/modules.d}
  cp -rT "$here/rootfs-overlay/all/usr/share/initramfs-tools" "$setup/usr/share/initramfs-tools"
  printf 'MODULES=list\nCOMPRESS=zstd\n' >"$setup/etc/initramfs-tools/conf.d/rig"
  printf '%s\n' ext4 crc32c_generic vfat nls_ascii nls_cp437 virtio_pci virtio_mmio virtio_blk virtio_net virtio_rng \
    >"$setup/usr/share/initramfs-tools/modules.d/rig"
  echo do_symlinks=0 >"$setup/etc/kernel-img.conf"
  ln -s /dev/null "$setup/etc/systemd/network/99-default.link"
  ln -s /dev/null "$setup/etc/systemd/network/73-usb-net-by-mac.link"
  find "$setup" -exec touch -h -d "@$epoch" {} +
}

mkdir -p "$cache"
lay_setup
key=$({ echo "$suite $epoch $include" "${slim[@]}" "${hooks[@]}"; tar -C "$setup" --sort=name --numeric-owner -c . ; } | sha256sum | cut -c1-12)
result=$cache/packages-$suite-$key.tar
if [ -s "$result" ]; then echo "$result"; exit 0; fi

[ "$(id -u)" = 0 ] || die "must be run as root"
need mmdebstrap mmdebstrap
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | sed -n 1p)
[ -n "$mirror" ] || die "apt names no Debian mirror on this machine"
emulator=qemu-aarch64 cpu=cortex-a72
[ $architecture = arm64 ] || emulator=qemu-arm cpu=cortex-a15
if [ "$(dpkg --print-architecture)" != $architecture ]; then
  need arch-test arch-test
  mountpoint -q /proc/sys/fs/binfmt_misc || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc ||
    die "cannot mount binfmt_misc: this kernel cannot run $architecture programs"
  arch-test $architecture >/dev/null 2>&1 || update-binfmts --enable $emulator >/dev/null 2>&1 || true
  arch-test $architecture >/dev/null 2>&1 ||
    die "$architecture programs do not run here: apt-get install qemu-user-static binfmt-support"
fi
say "packages: mmdebstrap $release for $architecture; ten minutes or more"
# A CPU without pointer authentication: Debian 13 is built with it, and QEMU computes each signature in
# software, which makes everything some seven times slower.
QEMU_CPU=$cpu SOURCE_DATE_EPOCH=$epoch TMPDIR=$cache mmdebstrap --mode=root --arch=$architectures \
  --variant=minbase --components=main "${slim[@]}" --include="$include" "${hooks[@]}" \
  --setup-hook="cp -rT --preserve=mode,timestamps,links $setup \"\$1\"" \
  "$release" "$result.part.tar" "$mirror" >"$result.log" 2>&1 ||
  { tail -n 20 "$result.log" >&2; die "mmdebstrap failed; its whole log: $result.log"; }
mv "$result.part.tar" "$result"
echo "$result"
