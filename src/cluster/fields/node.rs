//! The keys that the top of nodes.yaml has for all nodes, and a node for itself.

use crate::cluster::document::schema;
use crate::cluster::document::table::{added, keys};
use crate::cluster::document::types::{by, like, list, off, or_off, text, token, words};
use crate::cluster::document::value::Spanned;
use crate::cluster::fields::boot::{BOOT, Boot, BootFields};
use crate::cluster::fields::files::{self, by_path};
use crate::cluster::fields::keyboard::keyboard;
use crate::cluster::fields::network::{NETWORK, NetworkFields};
use crate::cluster::fields::size;
use crate::cluster::fields::system::{command, locale, time_server, timezone};
use crate::cluster::fields::user::{SSH, Ssh, SshFields, USER, User, UserFields, added_users, by_name};
use crate::cluster::fields::wifi::{WIFI, WifiLayer};
use crate::cluster::{ExtraFile, Hostname, Keyboard, Network, NodeK3s, NodeSpans, Swap, TimeServer};
use crate::types::ByteCount;
use serde_json::json;

keys! {
    draft NodeFields => Node {
        name: Hostname, "Its host name, which is also its name in Kubernetes and the name of its image.";
        users: Vec<User>, "The users beside the first one.";
        network: Network, "Its network.";
        k3s: Option<NodeK3s>, "k3s on this node; `None` where it does not run.";
        spans: NodeSpans, "The places of its values in nodes.yaml.";
    };

    level user: UserFields = USER => User; {
        help: "The user you log in as.",
        example: "{name: ann}",
    }
    key users: Vec<Spanned<UserFields>> = by(added_users), merge by_name; {
        help: "Further users, of whom a node's takes the place of the cluster's of the same name.",
        example: "[{name: bob, ssh_authorized_keys: [bob.pub]}]",
        schema: || {
            let one = json!({"allOf": [schema::reference(&USER), {"required": ["name"]}]});
            json!({"anyOf": [{"type": "array", "items": one}, one]})
        },
        here: "accounts additional_users",
    }
    level ssh: SshFields = SSH => Ssh; {
        help: "Who may log in over SSH.",
        example: "{password_login: true}",
    }
    level network: NetworkFields = NETWORK; {
        help: "The wired network.",
        example: "{prefix: 24, gateway: 192.168.50.1}",
        here: "ethernets ethernet eth0 lan wired networking network_config",
    }
    level wifi: WifiLayer = WIFI; {
        help: "The Wi-Fi that the nodes join; `none` for a node that stays on the wire.",
        example: "{ssid: my home, password_file: wifi.txt, country: DE}",
        schema: || json!({"anyOf": [{"$ref": "#/definitions/wifi"}, off()]}),
        here: "wifis wlan wlan0 wireless wpa wpa_supplicant wi_fi access_points",
    }
    key timezone: String = like("^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$", text(timezone)) => Option<String>; {
        help: "Time zone; the stock image's own where absent.",
        example: "Europe/Berlin",
        others: "tz time_zone system_timezone auto_setup_timezone",
    }
    key locale: String = like(r"^(C|[a-z]{2,3}_[A-Z]{2,3})\.UTF-8(@[A-Za-z0-9]+)?$", text(locale)) => Option<String>; {
        help: "Locale; the stock image's own where absent.",
        example: "de_DE.UTF-8",
        others: "locales lang language auto_setup_locale",
    }
    key keyboard: Keyboard = by(keyboard) => Option<Keyboard>; {
        help: "Layout of the keyboard at the node's console, or a mapping with `layout`, `model`, `variant` and \
              `options`; the stock image's own where absent.",
        example: "de",
        schema: || json!({"anyOf": [{"type": "string"}, {"$ref": "#/definitions/keyboard"}]}),
        others: "keymap keyboard_layout keyboardlayout xkblayout keyboard_model auto_setup_keyboard_layout",
    }
    key ntp: Vec<TimeServer> = list(like("^[A-Za-z0-9:.-]*[A-Za-z0-9:]$", token(time_server))) => Vec<TimeServer>, else vec![]; {
        help: "Time servers, names or addresses: one, or a list; the stock image's own where absent or empty.",
        example: "192.168.50.1",
        others: "time_servers timeservers ntp_servers fallback_ntp config_ntp_mirror timesync",
    }
    level boot: BootFields = BOOT => Boot; {
        help: "Additions to config.txt and cmdline.txt.",
        example: "{config: [dtparam=audio=off]}",
    }
    key files: Vec<Spanned<ExtraFile>> = by(files::read), merge by_path => Vec<ExtraFile>, else vec![]; {
        help: "Extra files, of which a node's takes the place of the cluster's of the same path.",
        example: "[{path: /etc/motd, content: Welcome}]",
        schema: || schema::one_or_more(&files::FILE),
        here: "write_files copyfile copy_files copydir file extra_files",
    }
    key first_boot: Vec<String> = list(like(r"\S", text(command))), merge added => Vec<String>, else vec![]; {
        help: "Shell commands, run once as root at the first start, when network and time are there: the \
              cluster's, then the node's. One that fails is tried again until it succeeds.",
        example: "[apt-get update]",
        others: "runcmd bootcmd commands command run script scripts firstrun first_run runonce runatboot \
              runscript late early custom_script auto_setup_custom_script_exec post_install",
    }
    key swap: Swap = or_off(Swap::Off, words([("off", Swap::Off), ("stock", Swap::Stock)])) => Swap, else Swap::Stock; {
        help: "Whether there is swap: the stock image's own (`stock`), or none.",
        example: "off",
        here: "swapfile swap_size zram disable_swap auto_setup_swapfile_size rpi_swap",
    }
    key memory: ByteCount = token(size::memory) => Option<ByteCount>; {
        help: "How much memory the board has, to be warned where it is short. `4` is 4GiB.",
        example: "4GiB",
        schema: || json!({
            "anyOf": [
                {"type": "string", "pattern": "^\\d+ ?([MmGg]([Ii]?[Bb])?|[MmGg][Ii])$"},
                {"enum": [1, 2, 4, 8, 16, 256, 512, 1024, 2048, 4096, 8192, 16384]},
            ],
        }),
        here: "ram mem",
    }
}
