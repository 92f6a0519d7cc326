#!/usr/bin/env bash
# boot-test.sh [--long] [TEST...] - makes the test images (kept in the cache), builds cards from them with
# cardwright, and boots the cards under QEMU. Without --long: one node each of trixie and bookworm. With it:
# bullseye, 32 bits, Wi-Fi, DHCP, several interfaces, IPv6 alone, k3s's first boot, k3s inside the cards, routers, switches and pods, four nodes
# on one network, a re-flashed card, and an evening from an empty folder to four nodes that are ready as well. TEST: only tests whose name has it in it.
#
# Each test runs in a network namespace of its own with nothing in it but loopback; on four cores and more, several
# at once (CARDWRIGHT_BOOTS_AT_ONCE says how many). To be run as root, with the packages of packages.txt; without root nothing is done, which is a failure
# where CARDWRIGHT_ORACLES is set.
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
need gpg gnupg; need radvd radvd; need dnsmasq dnsmasq-base
[ -c /dev/net/tun ] || die "/dev/net/tun not found: modprobe tun"
cd "$here/../.."
# What needs the Internet is fetched for the tests that are run, since they have none. As `cargo test` builds it: what
# takes time here is the machines, not cardwright.
export program
program=$(cargo test --locked --test it --no-run --message-format=json-render-diagnostics | sed -n 's|.*"executable":"\([^"]*/deps/it-[^"]*\)".*|\1|p')
mapfile -t tests < <("$program" --ignored --list "${filters[@]}" | sed -n 's/: test$//p')
[ ${#tests[@]} -gt 0 ] || die "no test has one of these in its name: ${filters[*]}"
for suite in trixie bookworm bullseye trixie-armhf; do
  # What no other suite is named in is trixie.
  [ "$suite" = trixie ] || [[ ${tests[*]} == *"${suite#trixie-}"* ]] || continue
  "$here/test-image.sh" "$suite" >/dev/null
  if [[ ${tests[*]} == *wifi::* ]]; then "$here/hostapd.sh" "$suite" >/dev/null; fi
done
# A machine has two cores, and so has whoever boots one.
jobs=${CARDWRIGHT_BOOTS_AT_ONCE:-$(($(nproc) / 2))}; [ "$jobs" -gt 0 ] || jobs=1
# boot TEST - in a network namespace of its own.
boot() {
  local began=$SECONDS status=0
  unshare --net sh -c 'ip link set lo up && exec "$program" --ignored --exact --nocapture "$1"' boot-test "$1" 2>&1 |
    sed -u "s/^/${1##*:}: /" || status=1
  printf '%5d s  %s\n' $((SECONDS - began)) "$1" >>"$times"
  return $status
}
times=$(mktemp)
trap 'rm -f "$times"' EXIT
export -f boot
export times
say "booting ${#tests[@]}, $jobs at once"
status=0
# Whatever ends this script ends the machines as well.
printf '%s\n' "${tests[@]}" | unshare --pid --fork --kill-child \
  xargs -P "$jobs" -I '{}' bash -o pipefail -c 'boot {}' || status=$?
cat "$times" >&2
[ $status = 0 ] || die "a test failed"
say "booted"
