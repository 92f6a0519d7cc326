#!/bin/sh
# The first start of k3s on a card: what it has to wait for, and how it tells how far it is. Settings are in
# a file beside this script; nothing in them is a secret.
#
# For tests: CARDWRIGHT_ROOT is put before every path, CARDWRIGHT_WAIT is how many seconds each of the
# waits may take.
#
# The names that are not assigned here are those of the settings.
# shellcheck disable=SC2154
set -eu

root=${CARDWRIGHT_ROOT:-}
patience=${CARDWRIGHT_WAIT:-180}

# shellcheck source=/dev/null
. "$root/usr/local/lib/cardwright/${0##*/}.settings"
status=$root$status

state=$root/var/lib/cardwright
marker=$state/k3s-installed

# Tells the journal and, in the last lines of a file there, the boot partition. A card whose boot
# partition cannot be written to is still installed.
say() {
    line="$(date -u +%Y-%m-%dT%H:%M:%SZ) k3s: $1"
    echo "$1"
    { { tail -n 49 "$status" 2>/dev/null || true; } >"$status.new" &&
        echo "$line" >>"$status.new" && mv -f "$status.new" "$status" && sync "$status"; } 2>/dev/null || true
}

fail() {
    say "failed: $1"
    trap - EXIT
    exit 1
}

trap 'code=$?; [ "$code" -eq 0 ] || say "failed: unexpectedly, with code $code"' EXIT

# Waits until a command succeeds, or fails after a while.
wait_until() {
    left=$patience
    until "$@"; do
        [ "$left" -gt 0 ] || return 1
        left=$((left - 1))
        sleep 1
    done
}

# k3s does not start without a default route either.
has_route() {
    [ -n "$(ip -4 route show default 2>/dev/null)$(ip -6 route show default 2>/dev/null)" ]
}

# timesyncd makes the file; any other daemon tells the kernel, which timedatectl asks.
has_time() {
    [ -e "$root/run/systemd/timesync/synchronized" ] ||
        [ "$(timedatectl show --property=NTPSynchronized --value 2>/dev/null)" = yes ]
}

# Without an answer timesyncd doubles, from half a minute on, how long it waits before it asks again: a first
# boot whose router was not up yet was seen to wait for more than eight minutes. Started anew, it asks at once.
gets_time() {
    has_time && return
    [ $((left % 30)) -ne 15 ] || systemctl try-restart systemd-timesyncd.service || true
    return 1
}

wait_for_network() {
    has_route || say "waiting: for the network"
    wait_until has_route || fail "there is no network: no default route after $patience seconds"
}

wait_for_time() {
    has_time || say "waiting: for the time"
    wait_until gets_time && return
    # Without a time server the time of the card's making, where the system starts its clock, is near
    # enough for certificates; before that no certificate would be valid yet.
    [ "$(date +%s)" -ge "$earliest" ] ||
        fail "the clock is wrong: it says $(date -u +%Y-%m-%d), and no time server answered within $patience seconds"
    say "waiting: no time server answered within $patience seconds, going on with the time the clock has"
}

# Leaves behind, as the last thing, that all is done.
mark() {
    echo "$version" >"$marker.new"
    sync "$marker.new"
    mv "$marker.new" "$marker"
    sync "$state"
}

