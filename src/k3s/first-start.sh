# What both ways onto a node have in common: k3s downloaded at the first start, and k3s inside the card.

topic=k3s
marker=$state/k3s-installed

# What the clock said when k3s went on without the time: seconds since 1970, seconds since the start of the
# system, and which start that was.
guess=$state/k3s-without-time

# Writes $2 to the file $1, whole or not at all, whenever the power goes.
write_whole() {
    echo "$2" >"$1.new"
    sync "$1.new"
    mv "$1.new" "$1"
    sync "${1%/*}"
}

uptime_seconds() {
    read -r seconds _ <"$root/proc/uptime"
    echo "${seconds%%.*}"
}

boot_id() {
    cat "$root/proc/sys/kernel/random/boot_id"
}

# A k3s that goes on without the time makes certificates that count from what the clock says. It is started
# anew when the time is there, by cardwright-k3s-time.path.
wait_for_time_or_guess() {
    wait_for_time
    [ -n "$without_time" ] || return 0
    write_whole "$guess" "$(date +%s) $(uptime_seconds) $(boot_id)"
    # From the next start of the system on it starts by itself.
    systemctl start --no-block cardwright-k3s-time.path || true
}

# Leaves behind, as the last thing, that all is done.
mark() {
    write_whole "$marker" "$version"
}

