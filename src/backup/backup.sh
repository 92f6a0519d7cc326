# Prints a backup of this server: the lines and files that src/backup/mod.rs describes. It runs as root, from standard
# input, and only once all of it is there: `main` is called in its last line.
#
# `data_dir` is assigned before it.
# shellcheck disable=SC2154,SC2317

# Ends with a reason, which is told where the backup goes.
fail() {
    echo "cardwright-backup failed: $1"
    exit 1
}

copy=
stopped=

# k3s is started again and the copy is gone, however this ends.
finish() {
    [ -z "$copy" ] || rm -rf "$copy"
    [ -z "$stopped" ] || systemctl start k3s.service
}

# The size of files, in KiB.
size_of() {
    du -ck "$@" 2>/dev/null | awk 'END { print $1 }'
}

has_room_for() {
    [ "$(df -Pk "$server" | awk 'NR == 2 { print $4 }')" -gt $((2 * $1 + 65536)) ]
}

# SQLite's own online backup: one state of a datastore that is written to meanwhile.
copy_sqlite_online() {
    python3 - "$server/db/state.db" "$copy/db/state.db" <<'PYTHON'
import sqlite3, sys
source = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=60)
target = sqlite3.connect(sys.argv[2])
with target:
    source.backup(target)
target.close()
PYTHON
}

copy_sqlite() {
    if python3 -c 'import sqlite3' 2>/dev/null; then
        copy_sqlite_online >&2 || fail "SQLite could not copy the datastore; what it said is above"
        return
    fi
    echo "k3s is stopped while its datastore is copied: this node has no Python that could copy it meanwhile" >&2
    stopped=yes
    systemctl stop k3s.service
    for file in "$server/db/state.db" "$server/db/state.db-wal"; do
        [ ! -e "$file" ] || cp "$file" "$copy/db/"
    done
    stopped=
    systemctl start k3s.service || fail "k3s did not start again"
}

copy_etcd() {
    mkdir "$copy/snapshots"
    k3s etcd-snapshot save --name cardwright-backup --etcd-snapshot-dir "$copy/snapshots" \
        --etcd-snapshot-compress=false >&2 || fail "k3s made no snapshot of etcd; what it said is above"
    snapshot=$(find "$copy/snapshots" -type f -name 'cardwright-backup*')
    [ -f "$snapshot" ] || fail "k3s put its snapshot of etcd elsewhere than into the folder it was given"
    mv "$snapshot" "$copy/db/snapshot"
    rm -rf "$copy/snapshots"
}

print_files() {
    (cd "$copy" && find token tls cred db -type f | LC_ALL=C sort) >"$copy/list"
    while IFS= read -r path; do
        echo "file $(wc -c <"$copy/$path" | tr -d ' ') $path"
        cat "$copy/$path"
    done <"$copy/list"
    echo end
}

main() {
    set -eu
    umask 077
    PATH=$PATH:/usr/local/bin
    server=$data_dir/server
    [ -e "$server/token" ] || fail "no k3s server has run there yet: there is no $server/token"
    # As k3s itself decides: pkg/cluster/managed.go, assignManagedDriver.
    if [ -d "$server/db/etcd/member/wal" ]; then
        datastore=etcd
        size=$(size_of "$server/db/etcd")
    elif [ -e "$server/db/state.db" ]; then
        datastore=sqlite
        size=$(size_of "$server/db/state.db"*)
    else
        fail "k3s has no datastore of its own there: one that is elsewhere is backed up where it is"
    fi
    version=$(k3s --version | sed -n 's/^k3s version \([^ ]*\).*/\1/p')
    [ -n "$version" ] || fail "k3s does not say its version"
    # What an earlier run left when the node went off.
    find "$server" -maxdepth 1 -name '.cardwright-backup.*' -mmin +60 -exec rm -rf {} +
    has_room_for "$size" || fail "there is no room for a copy of the datastore, which has $((size / 1024)) MiB"
    trap finish EXIT
    trap 'exit 1' HUP INT TERM PIPE
    copy=$(mktemp -d "$server/.cardwright-backup.XXXXXXXX")
    mkdir "$copy/db"
    "copy_$datastore"
    cp -R "$server/token" "$server/tls" "$copy/"
    [ ! -d "$server/cred" ] || cp -R "$server/cred" "$copy/"
    mkdir -p "$copy/cred"
    echo "cardwright-backup 1"
    echo "k3s $version"
    echo "datastore $datastore"
    print_files
}

main </dev/null
