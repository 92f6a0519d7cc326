# Has k3s go on with a snapshot of etcd, once, before its first start: k3s makes its datastore of it, and ends.
# It is an ExecStartPre of k3s's own unit; when it fails, systemd tries again after five seconds.
#
# The power may go at any moment. As long as the marker is missing, k3s was never started with what came of the
# snapshot, so that all of an attempt that was cut off can be thrown away, and the snapshot is still there. Once
# the marker is there, nothing is restored again: that would take back what happened since.
restored=$state/k3s-restored

if [ -e "$restored" ]; then
    rm -f "$root$snapshot"
    exit 0
fi
mkdir -p "$state"
say "restoring: the cluster as it was at $backup_time"
rm -rf "$root$data_dir/server/db/etcd"
# Nobody is to be told that k3s is ready. A snapshot on this card is meant, also where config.yaml names a store elsewhere.
unset NOTIFY_SOCKET
"$root/usr/local/bin/k3s" server --cluster-reset --cluster-reset-restore-path="$root$snapshot" --etcd-s3=false ||
    fail "k3s could not restore the cluster; its journal says why"
sync
write_whole "$restored" "$backup_time"
rm -f "$root$snapshot"
say "restoring: done"
