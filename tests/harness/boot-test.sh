#!/usr/bin/env bash
# boot-test.sh [--long] [TEST...] - makes the test images (kept in the cache), builds cards from them with
# cardwright, and boots the cards under QEMU. Without --long: one node each of trixie and bookworm. With it:
# bullseye, k3s's first boot, k3s inside the cards, routers, switches and pods, four nodes on one network, and
# a re-flashed card as well. TEST: only tests whose name has it in it.
#
# The tests run in a network namespace of their own with nothing in it but loopback. To be run as root, with
# the packages of packages.txt; without root nothing is done, which is a failure where CARDWRIGHT_ORACLES is set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
filters=()
case ${1:-} in
  --long) shift ;;
  *) filters=(single_node) ;;
esac
[ $# = 0 ] || filters=("$@")
if [ "$(id -u)" != 0 ]; then
  [ -z "${CARDWRIGHT_ORACLES:-}" ] || die "booting cards needs root, and CARDWRIGHT_ORACLES asks for it"
  say "skipped: booting cards needs root"
  exit 0
fi
need qemu-system-aarch64 qemu-system-arm; need mcopy mtools; need ip iproute2; need ssh openssh-client; need openssl openssl
need gpg gnupg; need radvd radvd
[ -c /dev/net/tun ] || die "/dev/net/tun not found: modprobe tun"
suites=(trixie bookworm)
# Only for those who ask for it: its packages take as long as those of another release.
case " ${filters[*]} " in "  " | *bullseye*) suites+=(bullseye) ;; esac
for suite in "${suites[@]}"; do "$here/test-image.sh" "$suite" >/dev/null; done
cd "$here/../.."
# As `cargo test` builds it: what takes time here is the machines, not cardwright.
cargo test --locked --test it --no-run
say "booting"
# Whatever ends this script ends the machines as well.
unshare --net --pid --fork --kill-child sh -c 'ip link set lo up && exec cargo test --locked --offline --test it -- --ignored --test-threads=1 --nocapture "$@"' \
  boot-test "${filters[@]}"
say "booted"
