# Runs the commands that nodes.yaml names under `first_boot:`, once, in their order, each as `sh -e`, when the
# network and the time are there. The first of them may be cardwright's own, which need neither.
#
# A command that fails ends the run, and the unit makes another soon, which goes on with it. A command that went
# through is not run again. When the power fails in the middle of a command, or just after it, that command is
# run again.

topic=first_boot
commands=$root/usr/local/lib/cardwright/first-boot.d
log=$root/var/log/cardwright-first-boot.log
most=1048576

run_commands() {
    trap 'say_if_unexpected "$?"' EXIT
    cd /
    number=0 ready=
    for command in "$commands"/*; do
        number=$((number + 1))
        went_through=$state/first-boot.${command##*/}.done
        [ ! -e "$went_through" ] || continue
        if [ "$number" -le "$own" ]; then
            called="cardwright's own command"
        else
            called="command $((number - own)) of $total"
            if [ -z "$ready" ]; then
                wait_for_network
                wait_for_time
                ready=yes
            fi
        fi
        echo "first_boot: $called begins"
        code=0
        /bin/sh -e "$command" </dev/null || code=$?
        [ "$code" -eq 0 ] || fail "$called ended with code $code, and is tried again until it succeeds"
        # What the command wrote is on the card before the word that it did.
        sync
        : >"$went_through"
        sync
        echo "first_boot: $called is done"
    done
    : >"$state/first-boot.done"
    sync
    say "done: all commands went through"
}

mkdir -p "$state"
# What commands print may be as secret as what they are.
umask_of_card=$(umask)
umask 077
: >>"$log"
# What fails every half a minute for weeks does not fill the card.
if [ "$(wc -c <"$log")" -gt "$most" ]; then
    tail -c "$((most / 2))" "$log" >"$log.new"
    mv -f "$log.new" "$log"
fi
umask "$umask_of_card"

# The status of a pipe is that of its end, so the marker has to tell how it went.
run_commands 2>&1 | tee -a "$log"
trap - EXIT
[ -e "$state/first-boot.done" ]
