//! The drawing of a cluster: towers of boards with stand-offs between them, as they are screwed together.

use super::super::page_facts::PageNode;
use super::CardImage;
use super::html::Html;

/// The most boards on top of one another: as high as a tower stands by itself, and as a printed page has room for.
const HIGHEST: usize = 8;

const BOARD_WIDTH: usize = 256;
const BOARD_HEIGHT: usize = 46;
/// From the upper edge of a board to that of the next one.
const STOREY_HEIGHT: usize = 60;
/// Room for the frame of the uppermost board.
const MARGIN: usize = 4;
/// Room for a text beside the ports of a board.
const TEXT_WIDTH: usize = 196;

/// Draws nodes, of which the first is uppermost.
pub(super) fn draw(html: &mut Html, nodes: &[(&PageNode, &CardImage)]) {
    html.element("div", &[("class", &"towers")], |html| {
        nodes.chunks(HIGHEST).for_each(|tower| draw_tower(html, tower));
    });
}

fn draw_tower(html: &mut Html, nodes: &[(&PageNode, &CardImage)]) {
    let (width, height) = (BOARD_WIDTH + 2 * MARGIN, nodes.len() * STOREY_HEIGHT + 2 * MARGIN + 4);
    let view = format!("0 0 {width} {height}");
    html.element(
        "svg",
        &[("viewBox", &view), ("width", &width), ("height", &height), ("role", &"img")],
        |html| {
            let names: Vec<&str> = nodes.iter().map(|(node, _)| &*node.name).collect();
            html.text_element("title", &[], format!("Boards, from the top: {}", names.join(", ")));
            for (storey, (node, image)) in nodes.iter().enumerate() {
                draw_board(html, node, image, MARGIN + storey * STOREY_HEIGHT);
            }
        },
    );
}

/// Draws a board with its four holes, of which two are seen, its ports and the stand-offs below it.
fn draw_board(html: &mut Html, node: &PageNode, image: &CardImage, top: usize) {
    let role = node.role.as_deref().unwrap_or("");
    let kind = match role {
        "server" => "board server",
        "agent" => "board agent",
        _ => "board",
    };
    let class = if *image == CardImage::Missing { format!("{kind} missing") } else { kind.to_owned() };
    html.element("g", &[("class", &class)], |html| {
        for left in [MARGIN + 9, MARGIN + BOARD_WIDTH - 38] {
            let size: Rectangle = (left, top + BOARD_HEIGHT, 6, STOREY_HEIGHT - BOARD_HEIGHT);
            rectangle(html, "post", size, 0);
        }
        rectangle(html, "plate", (MARGIN, top, BOARD_WIDTH, BOARD_HEIGHT), 6);
        for (from_top, height) in [(4, 16), (24, 18)] {
            rectangle(html, "port", (BOARD_WIDTH - 18, top + from_top, 24, height), 2);
        }
        line(html, "name", (14, top + 20), &node.name, 17);
        line(html, "address", (14, top + 37), node.addresses.first().map_or("", |address| address), 13);
        let position: [(&'static str, &dyn std::fmt::Display); 4] =
            [("class", &"role"), ("x", &(BOARD_WIDTH - 26)), ("y", &(top + 37)), ("text-anchor", &"end")];
        html.text_element("text", &position, role);
    });
}

/// Left, top, width, height.
type Rectangle = (usize, usize, usize, usize);

fn rectangle(html: &mut Html, class: &'static str, (x, y, width, height): Rectangle, radius: usize) {
    html.element(
        "rect",
        &[("class", &class), ("x", &x), ("y", &y), ("width", &width), ("height", &height), ("rx", &radius)],
        |_| {},
    );
}

/// Writes a line that fits on a board: smaller where it is long, and without its middle where it would be too small
/// to be read. The table has all of it.
fn line(html: &mut Html, class: &'static str, (x, y): (usize, usize), text: &str, largest: usize) {
    /// The smallest size that is read on paper.
    const SMALLEST: usize = 8;
    // The letters of a bold font are two thirds as wide as its size, on average.
    let fits = |size: usize| TEXT_WIDTH * 3 / (size * 2);
    let length = text.chars().count();
    let size = (SMALLEST..=largest).rev().find(|size| fits(*size) >= length).unwrap_or(SMALLEST);
    let half = fits(size) / 2 - 1;
    let shown = if length <= fits(size) {
        text.to_owned()
    } else {
        let (begin, end) = (text.chars().take(half), text.chars().skip(length - half));
        begin.chain(std::iter::once('…')).chain(end).collect()
    };
    html.text_element("text", &[("class", &class), ("x", &x), ("y", &y), ("font-size", &size)], shown);
}
