# What a node tells about itself, a line a fact: the user who logs in runs it, nothing in it needs root.
# No quote, backslash or exclamation mark that a shell of that user would take otherwise between single quotes.
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
echo "cardwright-facts 1"
for status in /boot/firmware/STATUS_FILE /boot/STATUS_FILE; do
    if [ -r "$status" ]; then
        tail -n 100 "$status" | cut -c 1-400 | sed "s/^/status /"
        break
    fi
done
state=/var/lib/cardwright
scripts=/usr/local/lib/cardwright
if [ -e "$scripts/first-boot" ]; then
    [ -e "$state/first-boot.done" ] || echo "pending first_boot"
fi
if [ -e "$scripts/install-k3s" ] || [ -e "$scripts/start-k3s" ]; then
    [ -e "$state/k3s-installed" ] || echo "pending k3s"
fi
echo "time $(date +%s)"
read -r uptime _ </proc/uptime && echo "uptime ${uptime%%.*}"
synchronized=yes
[ -e /run/systemd/timesync/synchronized ] ||
    synchronized=$(timedatectl show --property=NTPSynchronized --value 2>/dev/null)
echo "synchronized $synchronized"
serial=/proc/device-tree/serial-number
if [ -r "$serial" ]; then
    echo "board $(tr -cd "[:alnum:]" <"$serial")"
fi
for interface in /sys/class/net/*; do
    if [ -e "$interface/device" ]; then
        echo "mac $(cat "$interface/address")"
    fi
done
df -Pk / | tail -n 1 | {
    read -r _ size _
    echo "root $size"
}
source=$(findmnt -no SOURCE / 2>/dev/null)
part=$(readlink -f "/sys/class/block/${source##*/}")
if [ -r "$part/partition" ]; then
    echo "disk $(cat "$part/../size")"
fi
route=no
[ -z "$(ip -4 route show default 2>/dev/null)$(ip -6 route show default 2>/dev/null)" ] || route=yes
echo "route $route"
if [ -n "$1" ]; then
    resolves=no
    if timeout 5 getent ahosts "$1" >/dev/null 2>&1; then
        resolves=yes
    fi
    echo "resolves $resolves"
fi
controllers=/sys/fs/cgroup/cgroup.controllers
if [ -r "$controllers" ]; then
    echo "controllers $(cat "$controllers")"
else
    # Version 1: name, hierarchy, number of groups, and 1 where it is enabled.
    echo "controllers $(grep "1$" /proc/cgroups | cut -f 1 | tr "[:space:]" " ")"
fi
for unit in k3s k3s-agent; do
    if [ -e "/etc/systemd/system/$unit.service" ]; then
        restarts=$(systemctl show --property=NRestarts --value "$unit" 2>/dev/null)
        echo "unit $unit $(systemctl is-active "$unit" 2>/dev/null) $restarts"
    fi
done
echo "end"
