//! index.html: a page to print, for who stands before boards, cards and a screwdriver.
//!
//! ```text
//! heading ── boards ── commands ── cards ── fingerprints ── labels
//! ```
//!
//! It is one file, with nothing that is loaded, run or secret: what is on it may hang on a wall. Nothing in it depends on
//! when or where the build ran. All nodes of the cluster are on it, also those whose images an earlier build made, or
//! none did yet.

mod boards;
mod html;

use super::page_facts::{Page, PageNode};
use super::{BuildRecord, JoinedRecord, Sidecar, sha256sums, text_at};
use crate::output::OutputError;
use crate::types::Digest;
use html::Html;
use serde_json::Value;

/// The name of the file: what a browser, or a web server, shows of a folder.
const NAME: &str = "index.html";

/// The origin that the page says it has, by which it is known as this program's own.
const GENERATOR: &str = "cardwright ";

pub(crate) struct PageFile;

impl Sidecar for PageFile {
    fn key(&self) -> &'static str {
        "page"
    }

    fn file_name(&self, _cluster: &str) -> String {
        NAME.to_owned()
    }

    fn is_ours(&self, text: &str, _image_names: &[String]) -> bool {
        text.contains(&format!("<meta name=\"generator\" content=\"{GENERATOR}"))
    }

    fn content(&self, record: &BuildRecord<'_>, _before: &str) -> Result<Option<String>, OutputError> {
        // It was written just now, and has the images of earlier builds, too.
        let sums = text_at(&record.folder.join(sha256sums::NAME));
        let image = |node: &PageNode| {
            let built = record.images.iter().find(|image| image.node == node.name);
            let is_there = || record.folder.join(&node.image).is_file();
            match built {
                Some(image) => CardImage::Built(image.sha256),
                None if is_there() => CardImage::Earlier(sha256sums::digests_of(&sums, &node.image).next()),
                None => CardImage::Missing,
            }
        };
        let sheet = Sheet {
            cluster: record.cluster,
            page: &record.page,
            images: record.page.nodes.iter().map(image).collect(),
            stock: record.provenance.as_ref().map(|provenance| &*provenance.stock.0),
        };
        Ok(Some(sheet.text()))
    }

    fn joined(&self, joined: &JoinedRecord<'_>, _before: &str) -> Option<String> {
        const CLUSTER: &str = "/predicate/buildDefinition/externalParameters/cluster";
        const STOCK: &str = "/predicate/buildDefinition/resolvedDependencies/0/name";
        let said = |pointer| joined.statement.pointer(pointer).and_then(Value::as_str);
        let sheet = Sheet {
            cluster: said(CLUSTER)?,
            page: &joined.page,
            images: joined.images.iter().map(|(_, _, sha256)| CardImage::Built(Some(*sha256))).collect(),
            stock: said(STOCK),
        };
        Some(sheet.text())
    }
}

/// An image as the page speaks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CardImage {
    /// This build made it.
    Built(Option<Digest>),
    /// An earlier build made it.
    Earlier(Option<Digest>),
    /// It is not there.
    Missing,
}

impl CardImage {
    fn sha256(self) -> Option<Digest> {
        match self {
            Self::Built(sha256) | Self::Earlier(sha256) => sha256,
            Self::Missing => None,
        }
    }
}

/// The page with the images of one build.
struct Sheet<'build> {
    cluster: &'build str,
    page: &'build Page,
    /// As many as there are nodes.
    images: Vec<CardImage>,
    /// The name of the stock image's file, where the build says it.
    stock: Option<&'build str>,
}

impl Sheet<'_> {
    /// Returns the nodes with their images.
    fn nodes(&self) -> Vec<(&PageNode, &CardImage)> {
        self.page.nodes.iter().zip(&self.images).collect()
    }

    fn text(&self) -> String {
        let mut html = Html::default();
        html.element("html", &[("lang", &"en")], |html| {
            self.head(html);
            html.markup("\n");
            html.element("body", &[], |html| {
                self.heading(html);
                // Side by side, where there is room.
                html.element("div", &[("class", &"top")], |html| {
                    section(html, "boards", "Boards", |html| self.boards(html));
                    section(html, "commands", "Commands", |html| self.commands(html));
                });
                section(html, "cards", "Cards", |html| self.cards(html));
                section(html, "fingerprints", "Fingerprints", |html| self.fingerprints(html));
                section(html, "labels", "Labels", |html| self.labels(html));
            });
        });
        html.into_document()
    }

    fn head(&self, html: &mut Html) {
        /// What a browser would refuse is not in it; this says so to who opens it.
        const POLICY: &str =
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
        html.element("head", &[], |html| {
            html.empty("meta", &[("charset", &"utf-8")]);
            html.empty("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", &POLICY)]);
            html.empty("meta", &[("name", &"viewport"), ("content", &"width=device-width, initial-scale=1")]);
            let generator = format!("{GENERATOR}{}", env!("CARGO_PKG_VERSION"));
            html.empty("meta", &[("name", &"generator"), ("content", &generator)]);
            html.text_element("title", &[], format!("Cluster {}", self.cluster));
            html.element("style", &[], |html| html.markup(include_str!("page.css")));
        });
    }

    fn heading(&self, html: &mut Html) {
        html.element("header", &[], |html| {
            html.text_element("h1", &[], self.cluster);
            let count = self.page.nodes.len();
            let nodes = format!("{count} node{}", if count == 1 { "" } else { "s" });
            let k3s = self.page.k3s.as_ref().map(|version| format!("k3s {version}"));
            let stock = self.stock.map(ToOwned::to_owned);
            let facts = [Some(nodes), k3s, stock].into_iter().flatten();
            html.element("ul", &[], |html| facts.for_each(|fact| html.text_element("li", &[], fact)));
        });
    }

    fn boards(&self, html: &mut Html) {
        boards::draw(html, &self.nodes());
        if self.images.contains(&CardImage::Missing) {
            html.text_element("p", &[("class", &"note")], "A dashed board has no image yet.");
        }
    }

    /// Writes a row a card, with a box to tick when it is written.
    fn cards(&self, html: &mut Html) {
        html.element("table", &[], |html| {
            html.element("thead", &[], |html| {
                html.element("tr", &[], |html| {
                    for title in ["Done", "Node", "Found at", "Role", "Image, and its SHA-256"] {
                        html.text_element("th", &[("scope", &"col")], title);
                    }
                });
            });
            html.element("tbody", &[], |html| {
                for (node, image) in self.nodes() {
                    html.markup("\n");
                    html.element("tr", &[], |html| card(html, node, *image));
                }
            });
        });
    }

    fn commands(&self, html: &mut Html) {
        html.text_element("p", &[("class", &"note")], "In the folder of nodes.yaml:");
        html.element("ol", &[], |html| {
            for step in &self.page.steps {
                html.element("li", &[], |html| {
                    html.text(step.said);
                    for command in &step.commands {
                        html.element("pre", &[], |html| html.text_element("code", &[], command));
                    }
                });
            }
        });
    }

    /// Shows the keys that nodes prove who they are with.
    fn fingerprints(&self, html: &mut Html) {
        html.element("p", &[("class", &"note")], |html| {
            html.text("A node is the one that it should be where these are the same on it: ");
            html.text_element("code", &[], "ssh-keygen -lvf /etc/ssh/cardwright_host_ed25519_key.pub");
            html.text(" shows picture and SHA256, and ");
            html.text_element("code", &[], "-Bf");
            html.text(" the words, which can be read aloud.");
        });
        html.element("div", &[("class", &"keys")], |html| {
            for node in &self.page.nodes {
                html.markup("\n");
                html.element("article", &[], |html| key(html, node));
            }
        });
    }

    /// Writes labels to cut out. With 24 mm by 20 mm they fit into the small case of a microSD card, and onto an adapter to SD,
    /// which is 24 mm wide.
    fn labels(&self, html: &mut Html) {
        html.text_element(
            "p",
            &[("class", &"note")],
            "To cut out: 24 mm by 20 mm, for the case of a microSD card. Print at 100 %, without \"fit to page\".",
        );
        html.element("div", &[("class", &"sheet")], |html| {
            for (node, image) in self.nodes() {
                html.markup("\n");
                html.element("article", &[], |html| self.label(html, node, *image));
            }
        });
    }

    fn label(&self, html: &mut Html, node: &PageNode, image: CardImage) {
        let class = match node.name.len() {
            0..=12 => "short",
            13..=36 => "long",
            _ => "longest",
        };
        html.text_element("strong", &[("class", &class)], &node.name);
        html.text_element("span", &[], node.addresses.first().map_or("", |address| address));
        let role = node.role.as_deref().map(|role| format!(" · {role}"));
        html.text_element("span", &[], format!("{}{}", self.cluster, role.as_deref().unwrap_or("")));
        // Tells a card from the one of a later build.
        if let Some(sha256) = image.sha256() {
            let begin: String = sha256.to_string().chars().take(12).collect();
            html.text_element("small", &[], begin);
        }
    }
}

/// Writes a part of the page under its title.
fn section(html: &mut Html, class: &'static str, title: &'static str, part: impl FnOnce(&mut Html)) {
    html.markup("\n");
    html.element("section", &[("class", &class)], |html| {
        html.text_element("h2", &[], title);
        part(html);
    });
}

/// Writes the row of a card.
fn card(html: &mut Html, node: &PageNode, image: CardImage) {
    html.element("td", &[("class", &"tick")], |html| {
        html.empty("input", &[("type", &"checkbox"), ("aria-label", &format!("{} is written", node.name))]);
    });
    html.text_element("th", &[("scope", &"row")], &node.name);
    html.element("td", &[("class", &"addresses")], |html| {
        for address in &node.addresses {
            html.text_element("div", &[], address);
        }
        html.text_element("small", &[], &node.link);
    });
    html.text_element("td", &[("class", &"role")], node.role.as_deref().unwrap_or("–"));
    html.element("td", &[("class", &"image")], |html| {
        html.text_element("div", &[], &node.image);
        let state = match image {
            CardImage::Missing => Some("not built yet"),
            CardImage::Earlier(_) => Some("of an earlier build"),
            CardImage::Built(None) => Some("built without checksums"),
            CardImage::Built(Some(_)) => None,
        };
        if let Some(sha256) = image.sha256() {
            // In groups between which a line may end, and which are copied as one.
            html.element("code", &[], |html| {
                for (index, digit) in sha256.to_string().chars().enumerate() {
                    if index > 0 && index % 8 == 0 {
                        html.empty("wbr", &[]);
                    }
                    html.text(digit);
                }
            });
        }
        if let Some(state) = state {
            html.text_element("small", &[("class", &"state")], state);
        }
    });
}

/// Writes the fingerprint of a node's key.
fn key(html: &mut Html, node: &PageNode) {
    html.text_element("h3", &[], &node.name);
    html.text_element("small", &[], node.addresses.join(", "));
    let Some(fingerprint) = &node.fingerprint else {
        html.text_element("p", &[], "known_hosts has no key of it");
        return;
    };
    html.element("pre", &[("aria-label", &"picture of the key")], |html| {
        for line in fingerprint.art.lines() {
            html.text(line);
            html.markup("\n");
        }
    });
    for form in [&fingerprint.sha256, &fingerprint.words] {
        html.text_element("code", &[], form);
    }
}

#[cfg(test)]
mod tests;
