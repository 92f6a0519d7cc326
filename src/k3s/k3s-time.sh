# Starts a k3s anew that went on without the time, once the time is there: servers and agents renew their
# certificates when they start (k3s#4097). cardwright-k3s-time.path runs it when timesyncd has the time.
day=86400

# A time that came and went is waited for again.
has_time || exit 0

if [ -e "$guess" ]; then
    # Whoever cannot read what the clock said has to take it that it was wrong.
    read -r clock uptime boot <"$guess" || clock=0 uptime=0 boot=
    moved=$(($(date +%s) - clock))
    # After another start of the system nobody knows how long it was off: that counts, too. Then k3s may be
    # started anew in vain, once.
    [ "$boot" != "$(boot_id)" ] || moved=$((moved - ($(uptime_seconds) - uptime)))
    # A k3s that is not started yet finds the time there. One that is waits for its server, maybe for ever.
    unit=$(systemctl is-active "$service") || true
    case $unit in
    active | activating | reloading)
        if [ "${moved#-}" -gt "$day" ]; then
            systemctl restart --no-block "$service"
            say "done: k3s $version started anew: the time came, and the clock had been off by $((${moved#-} / day)) days"
        fi
        ;;
    esac
    rm -f "$guess"
    sync "$state"
fi
# Otherwise it would run this again, as the time is still there.
systemctl stop cardwright-k3s-time.path
