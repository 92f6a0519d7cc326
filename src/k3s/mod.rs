//! k3s on a card: its configuration, and the first boot that installs it.
