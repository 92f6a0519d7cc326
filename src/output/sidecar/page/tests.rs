use super::super::page_facts::{PageFingerprint, PageStep};
use super::*;
use crate::formats::ImageFormat;
use crate::output::BuiltImage;
use crate::types::ByteCount;
use std::path::Path;
use std::time::Duration;

fn node(name: &str, role: Option<&str>) -> PageNode {
    PageNode {
        name: name.to_owned(),
        addresses: vec!["192.168.50.11".to_owned(), "fd00::11".to_owned()],
        link: "wire".to_owned(),
        role: role.map(ToOwned::to_owned),
        image: format!("{name}.img.xz"),
        fingerprint: Some(PageFingerprint {
            sha256: "SHA256:abc".to_owned(),
            words: "xesef-disof".to_owned(),
            art: "+--[x]--+\n|  <&>  |\n+-------+".to_owned(),
        }),
    }
}

fn built(folder: &Path, node: &str, sha256: Option<Digest>) -> BuiltImage {
    BuiltImage {
        node: node.to_owned(),
        path: folder.join(format!("{node}.img.xz")),
        size: ByteCount::ZERO,
        sha256,
        disk_size: ByteCount::ZERO,
        disk_sha256: None,
        bmap: None,
        edits: 0,
        changed_blocks: 0,
        elapsed: Duration::ZERO,
        title: String::new(),
        description: String::new(),
        plan: Digest::of(b""),
    }
}

fn page_of(nodes: Vec<PageNode>, images: &[BuiltImage], folder: &Path, stock: &str) -> String {
    let steps = vec![PageStep { said: "Write it:", commands: vec!["flash <all> && true".to_owned()] }];
    let record = BuildRecord {
        folder,
        cluster: "compass",
        format: ImageFormat::default(),
        images,
        image_names: &[],
        page: Page { nodes, k3s: Some("v1.36.4+k3s1".to_owned()), steps },
        plans: None,
        provenance: Some(super::super::Provenance {
            time: 0,
            stock: (stock.to_owned(), Digest::of(b"")),
            nodes_yaml: Digest::of(b""),
            secret: String::new(),
        }),
        imager: None,
    };
    PageFile.content(&record, "").unwrap().unwrap()
}

/// Returns the page without its style sheet.
fn body(page: &str) -> &str {
    page.split_once("</head>").unwrap().1
}

#[test]
fn every_node_is_on_it_with_the_state_of_its_image() {
    let folder = tempfile::tempdir().unwrap();
    let [built_digest, earlier] = [[0xab; 32], [0xcd; 32]].map(Digest::from_bytes);
    std::fs::write(folder.path().join("SHA256SUMS"), format!("{earlier}  east.img.xz\n")).unwrap();
    for name in ["north", "east", "south"] {
        std::fs::write(folder.path().join(format!("{name}.img.xz")), "").unwrap();
    }
    let nodes = vec![
        node("north", Some("server")),
        node("east", Some("agent")),
        node("south", Some("agent")),
        node("west", None),
    ];
    let page =
        page_of(nodes, &[built(folder.path(), "north", Some(built_digest))], folder.path(), "a.img.xz");
    insta::assert_snapshot!(body(&page));
    assert!(PageFile.is_ours(&page, &[]) && !PageFile.is_ours("<!DOCTYPE html>\n<title>mine</title>", &[]));
}

#[test]
fn nothing_on_it_is_markup_of_others_or_loaded_or_run() {
    let hostile = "</style><script src=\"http://x/\">'&\u{202e}\u{7f}";
    let mut bad = node(hostile, Some(hostile));
    bad.addresses = vec![hostile.to_owned()];
    bad.link = hostile.to_owned();
    bad.fingerprint = None;
    let folder = tempfile::tempdir().unwrap();
    let page = page_of(vec![bad], &[built(folder.path(), hostile, None)], folder.path(), hostile);
    assert!(
        body(&page)
            .contains("&lt;/style&gt;&lt;script src=&quot;http://x/&quot;&gt;&#39;&amp;\\u{202e}\\u{7f}")
    );
    assert!(!page.contains(['\u{202e}', '\u{7f}']));
    let markup: Vec<&str> =
        page.split('<').skip(1).filter_map(|rest| Some(rest.split_once('>')?.0)).collect();
    for markup in markup {
        let name = markup.split(' ').next().unwrap().trim_start_matches('/');
        assert!(
            !["script", "link", "img", "iframe", "object", "embed", "form", "a", "base"].contains(&name),
            "{markup}"
        );
        for attribute in [" src=", " href=", " style=", " on"] {
            assert!(
                !markup.replace("scope=", "").contains(attribute) || markup.contains("&quot;"),
                "{markup}"
            );
        }
    }
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    assert!(!style.contains("url(") && !style.contains("@import") && !style.contains('<'));
}

#[test]
fn a_thousand_nodes_with_the_longest_names_fit() {
    let nodes = (0..1000).map(|number| node(&format!("{:-<60}{number:03}", "n"), Some("agent"))).collect();
    let page = page_of(nodes, &[], Path::new("nowhere"), "a.img.xz");
    assert_eq!(page.matches("<svg ").count(), 125);
    assert_eq!(page.matches("not built yet").count(), 1000);
    assert!(page.len() < 4 << 20, "{}", page.len());
    // The drawing leaves out the middle of the names, and the table nothing.
    assert!(page.contains("…") && page.contains(&format!("{:-<60}999</th>", "n")));
}
