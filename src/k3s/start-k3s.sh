# Lets a k3s that is on the card already wait for the network and the time before its first start: without a
# default route it ends, and with a clock that is wrong it makes certificates that are not valid later.
# It is the last ExecStartPre of k3s's own unit; when it fails, systemd tries again after five seconds.
if [ -e "$marker" ]; then
    exit 0
fi
mkdir -p "$state"
wait_for_network
wait_for_time_or_guess
say "done: k3s $version starts as $role"
mark
