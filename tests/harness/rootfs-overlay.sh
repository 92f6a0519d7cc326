# shellcheck shell=bash
# rootfs-overlay.sh - sourced by make-test-image.sh: gives a Debian tree the files and the first boot of Raspberry Pi
# OS Lite. The texts are in rootfs-overlay/; here is what is no text: modes, links, users, identities. Nothing of
# the tree is run.
#
# Uses: here, edition, suite, variant, disk_id, epoch, work. Sets boot_mount.

# What `systemctl enable` leaves: wants ROOT UNIT TARGET
wants() {
  local wants=$1/etc/systemd/system/$3.wants
  [ -e "$1/usr/lib/systemd/system/$2" ] || [ -e "$1/lib/systemd/system/$2" ] || die "the tree has no unit $2"
  mkdir -p "$wants"
  ln -sfn "$unit_folder/$2" "$wants/$2"
}
not_wanted() { find "$1/etc/systemd/system" -name "$2" -type l -delete; }
unit_folder=/usr/lib/systemd/system
[ "$suite" = trixie ] || unit_folder=/lib/systemd/system

# Where the boot partition is mounted.
boot_mount=/boot/firmware
[ "$suite" != bullseye ] || boot_mount=/boot

# imitate ROOT
imitate() {
  local root=$1 unit
  cp -rT "$here/rootfs-overlay/all" "$root"
  cp -rT "$here/rootfs-overlay/$suite" "$root"

  # Identity: the first boot of a machine that never ran. Bullseye's file is empty, which is no first boot to
  # systemd, and so brings no presets.
  echo uninitialized >"$root/etc/machine-id"
  [ "$suite" != bullseye ] || : >"$root/etc/machine-id"
  chmod 444 "$root/etc/machine-id"
  rm -f "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_* "$root/etc/localtime"
  ln -s /usr/share/zoneinfo/Europe/London "$root/etc/localtime"
  ln -sfn /proc/mounts "$root/etc/mtab"
  mkdir -p "$root/etc/systemd/network"
  ln -sfn /dev/null "$root/etc/systemd/network/99-default.link"
  ln -sfn /dev/null "$root/etc/systemd/network/73-usb-net-by-mac.link"
  if [ "$edition" != "$suite" ]; then sed -i 's/^ID=debian/ID=raspbian/' "$root/usr/lib/os-release"; fi
  sed -i 's/^PRETTY_NAME=.*/PRETTY_NAME="Debian GNU\/Linux ('"$suite"'), a stand-in for Raspberry Pi OS"/' "$root/usr/lib/os-release"
  printf 'Raspberry Pi reference %s\nGenerated using pi-gen, https://github.com/RPi-Distro/pi-gen, %040d, stage2\n' \
    "$(date -u -d "@$epoch" +%Y-%m-%d)" 0 >"$root/etc/rpi-issue"
  { printf '%-15s %-15s %-7s %-17s %s  %s\n' proc /proc proc defaults 0 0
    printf 'PARTUUID=%s-01  %s  vfat    defaults          0       2\n' "$disk_id" "$boot_mount"
    printf 'PARTUUID=%s-02  /               ext4    defaults,noatime  0       1\n' "$disk_id"
  } >"$root/etc/fstab"

  imitate_users "$root"
  if [ "$variant" = full ]; then imitate_packages "$root"; fi

  # Services. Nothing that asks for ssh, and no prompt on the console while the wizard has it.
  for unit in ssh.service sshd.service ssh.socket getty@tty1.service; do not_wanted "$root" $unit; done
  wants "$root" sshswitch.service multi-user.target
  wants "$root" userconfig.service multi-user.target
  case $suite in
    trixie) wants "$root" rpi-resize.service sysinit.target ;;
    bookworm) wants "$root" regenerate_ssh_host_keys.service multi-user.target ;;
    bullseye)
      wants "$root" regenerate_ssh_host_keys.service multi-user.target
      ln -s ../init.d/resize2fs_once "$root/etc/rc3.d/S01resize2fs_once"
      imitate_dhcpcd "$root" ;;
  esac

  mkdir -p "$root/etc/NetworkManager/system-connections"
  chmod 700 "$root/etc/NetworkManager/system-connections" "$root/var/lib/NetworkManager"
  chmod 600 "$root/var/lib/NetworkManager/NetworkManager.state"
  if [ "$suite" = trixie ]; then
    chmod 600 "$root/usr/lib/netplan/00-network-manager-all.yaml"
    mkdir -p "$root/etc/rpi/swap.conf.d"
  fi

  imitate_boot "$root"
  if [ "$boot_mount" = /boot ]; then boot_at_boot "$root"; fi
  if [ "$variant" = full ]; then bear_with_emulation "$root"; fi
}

# Bullseye has both dhcpcd and NetworkManager, and dhcpcd is the one that runs.
imitate_dhcpcd() {
  local root=$1 unit
  for unit in NetworkManager.service NetworkManager-wait-online.service NetworkManager-dispatcher.service \
    dbus-org.freedesktop.nm-dispatcher.service; do
    not_wanted "$root" $unit
  done
  wants "$root" dhcpcd.service multi-user.target
  # Debian leaves it to the administrator whether dhcpcd starts wpa_supplicant; Raspberry Pi's package does not.
  cp "$root/usr/share/dhcpcd/hooks/10-wpa_supplicant" "$root/usr/lib/dhcpcd/dhcpcd-hooks/"
}

# What no stock image has: patience. Where two emulated cores share two busy ones, udev took 76 of the 90 s
# that systemd gives the boot partition to appear, and the emergency mode of whoever takes longer says nothing
# about a card.
bear_with_emulation() {
  local settings=$1/etc/systemd/system.conf.d/emulation.conf
  mkdir -p "${settings%/*}"
  printf '[Manager]\nDefaultDeviceTimeoutSec=15min\nDefaultTimeoutStartSec=15min\n' >"$settings"
}

# The packages whose files are imitated, in dpkg's own lists: an image without them is none of Raspberry Pi OS.
imitate_packages() {
  local root=$1 package
  for package in raspberrypi-sys-mods userconf-pi; do
    printf 'Package: %s\nStatus: install ok installed\nMaintainer: none\nArchitecture: all\nVersion: 1\nDescription: imitated\n\n' \
      "$package" >>"$root/var/lib/dpkg/status"
    : >"$root/var/lib/dpkg/info/$package.list"
  done
  # Radios are blocked from the start, until something unblocks them.
  if [ "$suite" != bullseye ]; then echo 'options rfkill default_state=0' >"$root/etc/modprobe.d/rfkill_default.conf"; fi
}

# The user pi, edited by hand and not with adduser, which would need the tree to run.
imitate_users() {
  local root=$1 group file day=$((epoch / 86400)) shell='/bin/bash' lock='*'
  # pi-gen of 2026: `adduser --disabled-login`; before: `--disabled-password`.
  if [ "$suite" = trixie ]; then shell=/usr/sbin/nologin lock='!'; fi
  [ -s "$root/etc/shadow" ] || sed "s/^\([^:]*\):.*/\1:*:$day:0:99999:7:::/" "$root/etc/passwd" >"$root/etc/shadow"
  [ -s "$root/etc/gshadow" ] || sed 's/^\([^:]*\):.*/\1:*::/' "$root/etc/group" >"$root/etc/gshadow"
  sed -i "s/^\([^:]*\):\([^:]*\):[0-9]*:/\1:\2:$day:/; s/^root:[^:]*:/root:*:/" "$root/etc/shadow"
  local id=986
  for group in input spi i2c gpio netdev render; do
    if ! grep -q "^$group:" "$root/etc/group"; then
      echo "$group:x:$id:" >>"$root/etc/group"; echo "$group:!::" >>"$root/etc/gshadow"; id=$((id - 1))
    fi
  done
  for group in adm dialout cdrom audio users sudo video games plugdev input gpio spi i2c netdev render; do
    sed -i -E "s/^($group:[^:]*:[^:]*:)(.+)$/\1\2,pi/; s/^($group:[^:]*:[^:]*:)$/\1pi/" "$root/etc/group" "$root/etc/gshadow"
  done
  echo "pi:x:1000:1000:,,,:/home/pi:$shell" >>"$root/etc/passwd"
  echo "pi:$lock:$day:0:99999:7:::" >>"$root/etc/shadow"
  echo 'pi:x:1000:' >>"$root/etc/group"
  echo 'pi:!::' >>"$root/etc/gshadow"
  for file in subuid subgid; do echo 'pi:100000:65536' >"$root/etc/$file"; chmod 644 "$root/etc/$file"; done
  chmod 644 "$root/etc/passwd" "$root/etc/group"
  chown 0:42 "$root/etc/shadow" "$root/etc/gshadow"; chmod 640 "$root/etc/shadow" "$root/etc/gshadow"
  mkdir -p "$root/home/pi"; cp -rT "$root/etc/skel" "$root/home/pi"
  chown -R 1000:1000 "$root/home/pi"; chmod 700 "$root/home/pi"
  chmod 440 "$root/etc/sudoers"
  # Passwordless sudo went from the stock images with pi-gen of 2026.
  if [ "$suite" != trixie ]; then
    echo 'pi ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/010_pi-nopasswd"
    chmod 440 "$root/etc/sudoers.d/010_pi-nopasswd"
  fi
}

# What goes to the boot partition, in the tree's /boot/firmware.
imitate_boot() {
  local root=$1 boot=$1/boot/firmware first_boot=resize stub kernel initramfs
  [ "$suite" = trixie ] || first_boot='quiet init=/usr/lib/raspberrypi-sys-mods/firstboot'
  printf 'console=serial0,115200 console=tty1 root=PARTUUID=%s-02 rootfstype=ext4 fsck.repair=yes rootwait %s\n' \
    "$disk_id" "$first_boot" >"$boot/cmdline.txt"
  cp "$root/etc/rpi-issue" "$boot/issue.txt"; ln -sfn firmware/issue.txt "$root/boot/issue.txt"
  for stub in bcm2711-rpi-4-b.dtb bcm2712-rpi-5-b.dtb start4.elf fixup4.dat LICENCE.broadcom; do
    echo 'a name in a stand-in' >"$boot/$stub"
  done
  if [ "$variant" = full ]; then
    kernel=$(find "$root/boot" -maxdepth 1 -name 'vmlinuz-*' | sort -V | tail -n 1)
    initramfs=$root/boot/initrd.img-${kernel##*/vmlinuz-}
    [ -s "$kernel" ] && [ -s "$initramfs" ] || die "no kernel or no initramfs in the tree"
    gzip -9nc "$kernel" >"$boot/kernel8.img"      # the real one is gzipped, too
    mv "$initramfs" "$boot/initramfs8"; rm "$kernel"
    if [ "$edition" != "$suite" ]; then
      for stub in kernel{,7,7l}.img initramfs{,7,7l}; do echo 'a name in a stand-in' >"$boot/$stub"; done
    fi
    if [ -d "$here/rootfs-overlay/$suite/usr/share/initramfs-tools" ]; then append_first_boot "$boot/initramfs8"; fi
  else
    for stub in kernel8.img kernel_2712.img initramfs8 initramfs_2712; do echo 'a name in a stand-in' >"$boot/$stub"; done
  fi
}

# Bullseye mounts the boot partition at /boot: what the other releases have in /boot/firmware is there, what
# they have in /boot is nowhere, and the scripts that both have in common look there.
boot_at_boot() {
  local root=$1 file
  for file in usr/lib/raspberrypi-sys-mods/sshswitch usr/lib/userconf-pi/userconf-service \
    usr/lib/systemd/system/sshswitch.service usr/lib/systemd/system/userconfig.service; do
    sed -i 's|/boot/firmware|/boot|g; s|boot-firmware\.mount|boot.mount|g' "$root/$file"
  done
  mv "$root/boot/firmware" "$root/boot.new"
  rm -r "$root/boot"
  mv "$root/boot.new" "$root/boot"
}

# The first boot's scripts go into an archive of their own behind the initramfs, and not through the package
# step, which would have to be repeated whenever one of them changes. The kernel unpacks one archive after
# the other (its Documentation/driver-api/early-userspace/buffer-format.rst).
append_first_boot() {
  local archive=$work/first-boot stage script
  cp -rT "$here/rootfs-overlay/$suite/usr/share/initramfs-tools" "$archive"
  for stage in "$archive"/scripts/*; do
    for script in "$stage"/*; do printf '/scripts/%s/%s "$@"\n' "${stage##*/}" "${script##*/}"; done >"$work/order"
    mv "$work/order" "$stage/ORDER"
  done
  find "$archive" -exec touch -h -d "@$epoch" {} +
  truncate -s %512 "$1"
  (cd "$archive" && find . | sort | cpio --quiet --reproducible -R 0:0 -o -H newc) >>"$1"
}

# What differs from one run of the package step to the next, and what a finished image has not: tidy ROOT
tidy() {
  local root=$1
  rm -f "$root"/etc/{passwd,group,shadow,gshadow,subuid,subgid}- "$root/etc/.pwd.lock" "$root/var/cache/ldconfig/aux-cache" \
    "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old "$root/var/lib/systemd/random-seed" \
    "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/lib/cloud/* "$root"/tmp/* "$root"/run/*
  find "$root/var/log" -type f -exec truncate -s 0 {} +
}
