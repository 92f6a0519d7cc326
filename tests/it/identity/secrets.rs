//! Nothing secret is shown, or stands where everybody can read it.

use crate::support::{NODES, SECRET, Workshop, cut, partition, text};
use base64ct::{Base64Unpadded, Encoding as _};
use cardwright::identity::{Authority, ClusterSecret};
use cardwright::types::UnixTime;
use p256::pkcs8::DecodePrivateKey as _;
use std::fs;

/// Something derived from the cluster secret that may not be seen.
struct Secret {
    name: String,
    /// The 16 or 32 bytes that are secret.
    bytes: Vec<u8>,
}

/// Everything secret of the example with the fixed secret.
fn secrets() -> Vec<Secret> {
    let secret = ClusterSecret::from_hex(SECRET).unwrap();
    let of_hexadecimal = |name: &str, text: &str| {
        let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        Secret { name: name.to_owned(), bytes: (0..text.len()).step_by(2).map(byte).collect() }
    };
    let of_ssh = |name: &str, private: &str| {
        let key = ssh_key::PrivateKey::from_openssh(private).unwrap();
        Secret { name: name.to_owned(), bytes: key.key_data().ed25519().unwrap().private.to_bytes().to_vec() }
    };
    let of_pem = |name: &str, private: &str| {
        let key = p256::SecretKey::from_pkcs8_pem(private).unwrap();
        Secret { name: name.to_owned(), bytes: key.to_bytes().to_vec() }
    };
    let mut secrets = vec![
        of_hexadecimal("the cluster secret", SECRET),
        of_hexadecimal("the server token", &secret.server_token()),
        of_hexadecimal("the agent token", &secret.agent_token()),
        of_ssh("the login key", &secret.login_key("cardwright-compass").unwrap().private),
    ];
    for node in NODES {
        secrets.push(of_hexadecimal(&format!("{node}'s password"), &secret.node_password(node)));
        secrets.push(of_ssh(&format!("{node}'s host key"), &secret.host_key(node).unwrap().private));
    }
    // The keys are the same whenever their certificates end.
    let end = UnixTime::new(2_000_000_000);
    for authority in Authority::ALL {
        let key = secret.authority(authority, end).unwrap().private_key;
        secrets.push(of_pem(&format!("the authority {authority:?}"), &key));
    }
    secrets.push(of_pem("the owner's key", &secret.admin(end).unwrap().private_key));
    secrets
}

impl Secret {
    /// The ways in which it could be written: in hexadecimal digits; in base64, which depends on where in a
    /// group of three bytes it begins; in base64 broken into lines, as PEM is; and all of that in base64
    /// again, as a kubeconfig is.
    fn forms(&self) -> Vec<String> {
        let digits: Vec<_> = self.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let digits = digits.concat();
        let mut forms = vec![digits.to_uppercase(), digits.clone()];
        forms.extend(base64(digits.as_bytes()));
        for text in base64(&self.bytes) {
            // Wherever the line ends, one half is whole.
            let (first, second) = text.split_at(text.len() / 2);
            for half in [first, second] {
                forms.extend(base64(half.as_bytes()));
                forms.push(half.to_owned());
            }
        }
        forms
    }

    /// Whether it is in there, as bytes or in any of its forms.
    fn is_in(&self, content: &[u8]) -> bool {
        let text = String::from_utf8_lossy(content);
        self.forms().iter().any(|form| text.contains(form))
            || memchr::memmem::find(content, &self.bytes).is_some()
    }
}

/// Those characters of the base64 of a larger content that `bytes` alone decide: for each of the three
/// places at which it can begin.
fn base64(bytes: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|before: usize| {
        let text = Base64Unpadded::encode_string(&[&[0, 0][..before], bytes].concat());
        // A character has six bits.
        text[(before * 8).div_ceil(6)..(before + bytes.len()) * 8 / 6].to_owned()
    })
}

#[test]
fn nothing_secret_is_shown_or_put_on_the_boot_partition() {
    let workshop = Workshop::with_example();
    let mut shown = Vec::new();
    for (arguments, code) in [
        (&["build", "--format", "img", "--image", "demo"][..], 0),
        (&["build", "--format", "img", "--image", "demo", "--json"], 0),
        (&["plan", "--image", "demo"], 0),
        (&["plan", "--image", "demo", "--json"], 0),
        (&["verify", "--image", "demo", "images/north.img", "--json"], 0),
        (&["inspect", "images/north.img", "--json"], 0),
        (&["check", "--json"], 0),
        // What makes the program fail does not make it talk.
        (&["verify", "--image", "demo", "--node", "west", "images/north.img"], 1),
        (&["verify", "--image", "demo", "--node", "west", "images/north.img", "--json"], 1),
        (&["plan", "--image", "demo", "--rejoin", "north"], 1),
        (&["plan", "--image", "nodes.yaml"], 1),
    ] {
        let output = workshop.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        shown.extend(output.stdout);
        shown.extend(output.stderr);
    }
    for name in ["known_hosts", "ssh_config", "SHA256SUMS", "id_ed25519.pub", "index.html"] {
        shown.extend(fs::read(workshop.path(&format!("images/{name}"))).unwrap());
    }
    let boots = NODES.map(|node| {
        let image = workshop.path(&format!("images/{node}.img"));
        let (start, length) = partition(&image, 1);
        let boot = fs::read(cut(&image, start, length).path()).unwrap();
        // Nearly all of it is zeros; what is left keeps its order, and no secret has that many.
        let sectors = boot.chunks(512).filter(|sector| sector.iter().any(|byte| *byte != 0));
        sectors.flatten().copied().collect::<Vec<u8>>()
    });
    for secret in secrets() {
        assert!(!secret.is_in(&shown), "{} is shown", secret.name);
        assert!(!boots.iter().any(|boot| secret.is_in(boot)), "{} is on a boot partition", secret.name);
    }
}

/// The search of the test above finds secrets where they are meant to be.
#[test]
fn secrets_are_found_where_they_belong() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--format", "img", "--image", "demo"]);
    let found_in = |file: &str, partition: Option<u64>| {
        let content = fs::read(workshop.path(&format!("images/{file}"))).unwrap();
        let blocks = content.chunks(4096).filter(|block| block.iter().any(|byte| *byte != 0));
        let content: Vec<u8> =
            if partition.is_some() { blocks.flatten().copied().collect() } else { content };
        let found = secrets().into_iter().filter(|secret| secret.is_in(&content));
        found.map(|secret| secret.name).collect::<Vec<_>>()
    };
    assert_eq!(found_in("id_ed25519", None), ["the login key"]);
    assert_eq!(found_in("kubeconfig", None), ["the owner's key"]);
    assert_eq!(
        found_in("west.img", Some(2)),
        ["the agent token", "west's password", "west's host key"],
        "an agent's card has what is its own"
    );
    assert_eq!(
        found_in("north.img", Some(2)),
        [
            "the server token",
            "the agent token",
            "north's password",
            "north's host key",
            "the authority Server",
            "the authority Client",
            "the authority RequestHeader",
            "the authority EtcdServer",
            "the authority EtcdPeer",
        ]
    );
}
