//! Raspberry Pi OS, and what makes one of its images a node's own: one concern a file.
//!
//! Every concern is a function that reads the stock files through a [`Draft`](crate::patch::Draft) and
//! writes its edits into it. None of them touches an image, and what is already right in the stock image
//! makes no edit.

mod accounts;
mod added_user;
mod boot_files;
mod card;
mod clock;
mod cloud_init;
mod cmdline;
mod customised;
mod detect;
mod dhcpcd;
mod download;
mod error;
mod files;
mod first_boot;
mod host_key;
mod hosts;
mod keyboard;
mod locale;
mod network;
mod network_manager;
mod os_release;
mod packages;
mod release;
mod ssh;
mod sudo;
mod swap;
#[cfg(test)]
mod test_node;
#[cfg(test)]
pub(crate) mod test_stock;
#[cfg(test)]
mod tests;
mod text;
mod timezone;
mod user;
mod wifi;
mod wizard;

pub use accounts::{Account, join_group};
pub use added_user::add_user;
pub use boot_files::{add_cmdline_words, add_config_lines, set_page_size};
pub(crate) use card::IN_EVERY_RECORD;
pub use card::{CardRecord, read_card_record, write_card_record};
pub use clock::{set_clock_floor, set_time_servers};
pub use cloud_init::disable_cloud_init;
pub use cmdline::{ExpectedCmdline, check_cmdline};
pub use customised::{Customisation, Effect, customisations};
pub use detect::{booted_before, detect, detect_as, foreign};
pub use download::{DOWNLOAD_PAGE, PublishedFile, download_address};
pub use error::{DetectError, RaspiosError};
pub use files::add_file;
pub use first_boot::run_at_first_boot;
pub use host_key::set_host_key;
pub use hosts::{set_cluster_hosts, set_hostname};
pub use keyboard::{lists_keyboards, set_keyboard};
pub use locale::set_locale;
pub use network::set_network;
pub use release::{BootMount, Codename, Edition, FirstBoot, NetworkStack, Release};
pub use ssh::enable_ssh;
pub use sudo::set_sudo;
pub use swap::disable_swap;
pub use timezone::set_timezone;
pub use user::{lock_user, set_authorized_keys, set_password, set_user};
pub use wizard::dismiss_wizard;
