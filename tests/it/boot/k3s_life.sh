#!/bin/sh
# Stands for k3s where nothing but its life counts: writes down that it starts, tells systemd that it is ready,
# and ends as k3s does where there is no default route.
mkdir -p /var/lib/k3s-stub
date >>/var/lib/k3s-stub/starts
systemd-notify --ready
while ip -4 route show default | grep -q .; do sleep 1; done
echo 'no default routes found' >&2
exit 1
