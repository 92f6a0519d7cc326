# What both ways onto a node have in common: k3s downloaded at the first start, and k3s inside the card.

topic=k3s
marker=$state/k3s-installed

# Writes $2 to the file $1, whole or not at all, whenever the power goes.
write_whole() {
    echo "$2" >"$1.new"
    sync "$1.new"
    mv "$1.new" "$1"
    sync "${1%/*}"
}

# Leaves behind, as the last thing, that all is done.
mark() {
    write_whole "$marker" "$version"
}

