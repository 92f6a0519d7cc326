#!/bin/sh
# The beginning of every script that runs at a node's first start: what it has to wait for, and how it tells
# how far it is. Settings are in a file beside the script; nothing in them is a secret.
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

# Tells the journal and, in the last lines of a file there, the boot partition. A card whose boot
# partition cannot be written to goes on all the same.
say() {
    echo "$1"
    { write_status "$1" 9>"$root/run/cardwright-status.lock"; } 2>/dev/null || true
}

# Several scripts run side by side at a first start, and each has its last 50 lines in the file. What was its
# last word already is not written again: what fails the same way every half a minute would wear out the card.
write_status() {
    flock 9 || return
    # Not `:`, with which a shell ends when it cannot write.
    [ -e "$status" ] || true >"$status" || return
    if said=$1 now=$(date -u +%Y-%m-%dT%H:%M:%SZ) topic=$topic awk '
        BEGIN { mark = " " ENVIRON["topic"] ": " }
        { lines[NR] = $0 }
        # The time before it has 20 characters.
        index($0, mark) == 21 { is_own[NR] = 1; own++; last = substr($0, 21 + length(mark)) }
        END {
            if (last == ENVIRON["said"]) exit 3
            for (line = 1; line <= NR; line++)
                if (!(line in is_own) || own-- < 50) print lines[line]
            print ENVIRON["now"] mark ENVIRON["said"]
        }' "$status" >"$status.new"; then
        mv -f "$status.new" "$status" && sync "$status"
    else
        rm -f "$status.new"
    fi
}

fail() {
    say "failed: $1"
    trap - EXIT
    exit 1
}

say_if_unexpected() {
    [ "$1" -eq 0 ] || say "failed: unexpectedly, with code $1"
}

trap 'say_if_unexpected "$?"' EXIT

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

# Set by wait_for_time when it goes on without the time.
without_time=

wait_for_time() {
    has_time || say "waiting: for the time"
    wait_until gets_time && return
    # Without a time server the time of the card's making, where the system starts its clock, is near
    # enough for certificates; before that no certificate would be valid yet.
    [ "$(date +%s)" -ge "$earliest" ] ||
        fail "the clock is wrong: it says $(date -u +%Y-%m-%d), and no time server answered within $patience seconds"
    say "waiting: no time server answered within $patience seconds, going on with the time the clock has"
    # shellcheck disable=SC2034 # k3s asks for it.
    without_time=yes
}

