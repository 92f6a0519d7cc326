# Installs k3s at the first boot: waits for the network and the time, downloads the release's program,
# checks it, puts it in its place and starts k3s. cardwright-install-k3s.service runs it again until it
# succeeded once. Every step is either not done or done: the power may go at any moment, and the next
# run goes on from there.
#
# For tests: CARDWRIGHT_PAUSE is how many seconds pass before the second attempt at a download.
pause=${CARDWRIGHT_PAUSE:-5}
attempts=5

part=$state/k3s.part
said=$state/download-error
program=$root/usr/local/bin/k3s

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

wait_for_network
wait_for_time_or_guess

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
mark
