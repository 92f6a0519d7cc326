#!/bin/sh
# Runs the commands that nodes.yaml names under `first_boot:`, once, in their order, each as `sh -e`.
#
# A command that fails ends the run; the next boot goes on with it. A command that went through is not run
# again. When the power fails in the middle of a command, or just after it, that command is run again.
set -eu

commands=/usr/local/lib/cardwright/first-boot.d
state=/var/lib/cardwright
log=/var/log/cardwright-first-boot.log

if [ "${1:-}" != run ]; then
    mkdir -p "$state"
    # What commands print may be as secret as what they are.
    (umask 077 && : >>"$log")
    # The status of a pipe is that of its end, so the marker has to tell how it went.
    "$0" run 2>&1 | tee -a "$log"
    [ -e "$state/first-boot.done" ]
    exit
fi

cd /
for command in "$commands"/*; do
    name=${command##*/}
    if [ -e "$state/first-boot.$name.done" ]; then
        continue
    fi
    echo "first boot: command $name begins"
    if ! /bin/sh -e "$command" </dev/null; then
        echo "first boot: command $name failed; the next boot tries it again"
        exit 1
    fi
    # What the command wrote is on the card before the word that it did.
    sync
    : >"$state/first-boot.$name.done"
    sync
    echo "first boot: command $name is done"
done
: >"$state/first-boot.done"
sync
echo "first boot: all commands are done"
