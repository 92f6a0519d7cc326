#!/bin/sh
# Installs k3s at the first boot: waits for the network and the time, downloads the release's program,
# checks it, puts it in its place and starts k3s. cardwright-install-k3s.service runs it again until it
# succeeded once. Every step is either not done or done: the power may go at any moment, and the next
# run goes on from there. Settings are in install-k3s.settings; nothing in them is a secret.
#
# For tests: CARDWRIGHT_ROOT is put before every path, CARDWRIGHT_WAIT is how many seconds each of the
# waits may take, CARDWRIGHT_PAUSE how many seconds pass before the second attempt at a download.
#
# The names that are not assigned here are those of the settings.
# shellcheck disable=SC2154
set -eu

root=${CARDWRIGHT_ROOT:-}
patience=${CARDWRIGHT_WAIT:-180}
pause=${CARDWRIGHT_PAUSE:-5}
attempts=5

# shellcheck source=/dev/null
. "$root/usr/local/lib/cardwright/install-k3s.settings"
status=$root$status

state=$root/var/lib/cardwright
marker=$state/k3s-installed
part=$state/k3s.part
said=$state/download-error
program=$root/usr/local/bin/k3s

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

digest_of() {
    [ ! -e "$1" ] || sha256sum "$1" | cut -d ' ' -f 1
}

# Downloads $1 to $2, going on where the file ends. A redirection may not lead from https to http.
download() {
    case $1 in
    https://*) protocols='=https' ;;
    *) protocols='=http,https' ;;
    esac
    if ! command -v curl >/dev/null; then
        wget --no-verbose --tries=1 --timeout=60 --continue --output-document="$2" "$1" 2>"$said"
        return
    fi
    answer=$(curl --fail --location --silent --show-error --proto "$protocols" --connect-timeout 20 \
        --speed-limit 1024 --speed-time 60 --continue-at - --output "$2" --write-out '%{http_code}' \
        "$1" 2>"$said") && return
    code=$?
    # 33 and 416: the server cannot go on, or has less than we have. The next attempt begins anew.
    if [ "$code" -eq 33 ] || [ "$answer" = 416 ]; then
        rm -f "$2"
    fi
    return "$code"
}

# Runs a command until it succeeds, a few times, waiting longer each time.
try() {
    attempt=1
    until "$@"; do
        [ "$attempt" -lt "$attempts" ] || fail "$reason; trying again soon"
        say "failed: $reason; trying again"
        sleep $((attempt * pause))
        attempt=$((attempt + 1))
    done
}

# Learns from the release which digest its program has.
fetch_digest() {
    say "installing: downloading $checksums (attempt $attempt)"
    rm -f "$state/$checksums"
    if ! download "$release/$checksums" "$state/$checksums"; then
        reason="could not download $checksums: $(tail -n 1 "$said")"
        return 1
    fi
    sha256=$(sed -n "s/^\([0-9a-f]\{64\}\) [ *]$binary\$/\1/p" "$state/$checksums")
    rm -f "$state/$checksums"
    reason="$checksums has no digest of $binary"
    [ "${#sha256}" -eq 64 ]
}

# Downloads the program, unless it is there from the last time.
fetch_program() {
    [ "$(digest_of "$part")" != "$sha256" ] || return 0
    say "installing: downloading $binary $version (attempt $attempt)"
    if ! download "$release/$binary" "$part"; then
        reason="could not download $binary: $(tail -n 1 "$said")"
        return 1
    fi
    found=$(digest_of "$part")
    [ "$found" != "$sha256" ] || return 0
    rm -f "$part"
    reason="$binary is not what it should be: its SHA-256 is $found, not $sha256"
    return 1
}

if [ -e "$marker" ]; then
    echo "k3s was installed before"
    exit 0
fi
mkdir -p "$state" "${program%/*}"

has_route || say "waiting: for the network"
wait_until has_route || fail "there is no network: no default route after $patience seconds"
has_time || say "waiting: for the time"
if ! wait_until gets_time; then
    # Without a time server the time of the card's making, where the system starts its clock, is near
    # enough for certificates; before that no certificate would be valid yet.
    [ "$(date +%s)" -ge "$earliest" ] ||
        fail "the clock is wrong: it says $(date -u +%Y-%m-%d), and no time server answered within $patience seconds"
    say "waiting: no time server answered within $patience seconds, going on with the time the clock has"
fi

[ -n "$sha256" ] || try fetch_digest
if [ "$(digest_of "$program")" != "$sha256" ]; then
    try fetch_program
    say "installing: putting k3s in its place"
    chmod 755 "$part"
    sync "$part"
    mv -f "$part" "$program"
    sync "${program%/*}"
fi
rm -f "$part" "$said"

# Like k3s's own installer: not where the system has such a command already.
for name in kubectl crictl ctr; do
    link=${program%/*}/$name
    [ -e "$link" ] || [ -L "$link" ] || command -v "$name" >/dev/null || ln -s k3s "$link"
done

systemctl start --no-block "$service" || fail "$service could not be started"
say "done: k3s $version started as $role"
echo "$version" >"$marker.new"
sync "$marker.new"
mv "$marker.new" "$marker"
sync "$state"
