# shellcheck shell=bash
# skeleton.sh - sourced by make-test-image.sh: what Debian's packages bring in a bootable test image, where no
# package is unpacked: the files of skeleton/, units and programs that are names with nothing behind them,
# and directories large enough to be hashed. Nothing of it runs.
#
# Uses: suite, variant. Sets nothing.

# lay_skeleton ROOT
lay_skeleton() {
  local root=$1 folder unit zone
  for folder in bin lib sbin; do mkdir -p "$root/usr/$folder"; ln -s "usr/$folder" "$root/$folder"; done
  mkdir -p "$root"/{boot/firmware,dev,home,media,mnt,opt,proc,root,run,srv,sys,tmp} \
    "$root"/etc/{sudoers.d,systemd/system,NetworkManager/{conf.d,dispatcher.d,system-connections}} \
    "$root"/usr/{bin,sbin,local/{bin,sbin,lib,share},lib/systemd/{system,system-preset},share/zoneinfo} \
    "$root"/var/{cache,lib/{NetworkManager,dpkg,systemd,private},log,spool,tmp}
  chmod 1777 "$root/tmp" "$root/var/tmp"; chmod 700 "$root/root"; chmod 555 "$root/proc" "$root/sys"
  cp -rT "$here/skeleton" "$root"; chmod 750 "$root/etc/sudoers.d"
  ln -s ../usr/lib/os-release "$root/etc/os-release"
  local number
  case $suite in bookworm) number=12 ;; trixie) number=13 ;; *) die "no skeleton of $suite" ;; esac
  printf 'PRETTY_NAME="Debian GNU/Linux %s (%s)"\nNAME="Debian GNU/Linux"\nVERSION_ID="%s"\nVERSION="%s (%s)"\nVERSION_CODENAME=%s\nID=debian\n' \
    $number "$suite" $number $number "$suite" "$suite" >"$root/usr/lib/os-release"

  # Units, by name.
  for unit in ssh.service getty@.service serial-getty@.service NetworkManager.service NetworkManager-wait-online.service \
    NetworkManager-dispatcher.service systemd-timesyncd.service systemd-time-wait-sync.service avahi-daemon.service \
    avahi-daemon.socket wpa_supplicant.service multi-user.target sysinit.target getty.target network-online.target \
    time-sync.target first-boot-complete.target systemd-growfs-root.service ssh.socket; do
    printf '[Unit]\nDescription=In the place of %s\n' "$unit" >"$root/usr/lib/systemd/system/$unit"
  done
  if [ "$suite" = trixie ]; then
    for unit in cloud-init-local.service cloud-init-main.service cloud-init-network.service cloud-config.service \
      cloud-final.service cloud-init-hotplugd.service cloud-init-hotplugd.socket cloud-config.target cloud-init.target \
      sshd-keygen.service; do
      printf '[Unit]\nDescription=In the place of %s\n' "$unit" >"$root/usr/lib/systemd/system/$unit"
    done
    mkdir -p "$root/usr/lib/systemd/system-generators"
    printf '#!/bin/sh\n' >"$root/usr/lib/systemd/system-generators/cloud-init-generator"
    chmod 755 "$root/usr/lib/systemd/system-generators/cloud-init-generator"
  fi
  wants "$root" NetworkManager.service multi-user.target
  wants "$root" systemd-timesyncd.service sysinit.target

  # Programs, by name; a few hundred of them, so that their directory is a hashed one.
  local program
  for program in bash sh curl sudo ssh-keygen systemctl nmcli sha256sum $(seq -f 'program-number-%03g' 320); do
    printf '#!/bin/sh\n' >"$root/usr/bin/$program"; chmod 755 "$root/usr/bin/$program"
  done
  for program in sshd nologin NetworkManager useradd visudo; do
    printf '#!/bin/sh\n' >"$root/usr/sbin/$program"; chmod 755 "$root/usr/sbin/$program"
  done
  chmod 4755 "$root/usr/bin/sudo"
  # /etc is a hashed directory in a real image, too.
  for program in $(seq -w 1 150); do : >"$root/etc/settings-of-program-number-$program.conf"; done

  # Time zones: each is UTC in disguise, 44 bytes of header and one type (the TZif format, RFC 9636).
  for zone in Africa/Nairobi America/New_York America/Sao_Paulo Asia/Kolkata Asia/Tokyo Australia/Sydney Europe/Berlin \
    Europe/London Europe/Paris Europe/Zurich Etc/UTC UTC; do
    mkdir -p "$(dirname "$root/usr/share/zoneinfo/$zone")"
    { printf 'TZif'; head -c 16 /dev/zero; printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4'
      head -c 6 /dev/zero; printf 'UTC\0'; } >"$root/usr/share/zoneinfo/$zone"
  done

  local package
  for package in base-files bash ca-certificates curl dpkg fdisk libc6 network-manager openssh-server raspberrypi-sys-mods \
    raspi-config sudo systemd systemd-timesyncd tzdata userconf-pi avahi-daemon \
    $([ "$suite" = trixie ] && echo cloud-init netplan.io rpi-cloud-init-mods rpi-swap || echo dphys-swapfile fake-hwclock); do
    printf 'Package: %s\nStatus: install ok installed\nArchitecture: arm64\nVersion: %s-1\nDescription: a name in a stand-in\n\n' \
      "$package" $number
  done >"$root/var/lib/dpkg/status"
  [ "$suite" = trixie ] || printf '2026-06-18 00:00:00\n' >"$root/etc/fake-hwclock.data"

  if [ "$variant" = synthetic ]; then fill_skeleton "$root/usr/share/filler"; fi
}

# A filesystem with the wear and tear of a real one: a large directory, depth, a large file that does not
# compress and one that does, a hole, a hard link, a link too long for an inode, an extended attribute.
fill_skeleton() {
  local filler=$1 number deep=$1/deep
  mkdir -p "$filler/many"
  for number in $(seq 3000); do echo "$number" >"$filler/many/entry-with-a-rather-long-name-$number.txt"; done
  openssl enc -aes-256-ctr -pass pass:filler -nosalt -md sha256 -in /dev/zero 2>/dev/null | head -c 12582912 >"$filler/noise.bin" || true
  head -c 12582912 /dev/zero | tr '\0' 'Z' >"$filler/dull.bin"
  ln "$filler/dull.bin" "$filler/dull-again.bin"
  truncate -s 64M "$filler/hole.bin"
  for number in $(seq 30); do deep=$deep/level$number; done
  mkdir -p "$deep"; echo bottom >"$deep/file"
  ln -s /usr/share/filler/a/target/of/more/than/sixty/bytes/so/that/it/does/not/fit/into/the/inode "$filler/long-link"
  if command -v setfattr >/dev/null; then setfattr -n user.filler -v yes "$filler/dull.bin" || true; fi
}
