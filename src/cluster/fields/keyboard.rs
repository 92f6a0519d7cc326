//! `keyboard:`, the keyboard at a node's console.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::table::rows;
use crate::cluster::document::value::FieldValue;
use crate::cluster::{Keyboard, XkbNames};
use serde_json::json;

rows! {
    KEYBOARD: "keyboard", "under `keyboard:`", "The keyboard at a node's console, in the words of keyboard(5).";
    layout {
        help: "The layout, or several with commas between them.",
        example: "de",
        schema: || json!({"type": "string"}),
        here: "xkblayout keymap lang",
        is_required: || true,
    }
    model {
        help: "The model; the stock image's own where absent.",
        example: "pc105",
        schema: || json!({"type": "string"}),
        here: "xkbmodel",
    }
    variant {
        help: "A variant of the layout.",
        example: "nodeadkeys",
        schema: || json!({"type": "string"}),
        here: "xkbvariant",
    }
    options {
        help: "Options, with commas between them; the stock image's own where absent.",
        example: "ctrl:nocaps",
        schema: || json!({"type": "string"}),
        here: "xkboptions option",
    }
}

/// Reads a layout, or a mapping.
pub(crate) fn keyboard(value: &FieldValue<'_>) -> Option<Keyboard> {
    if let YamlKind::Scalar(_) = value.kind() {
        let layout = value.parse(names)?;
        return Some(Keyboard { layout, model: None, variant: None, options: None });
    }
    let fields = value.fields(&KEYBOARD)?;
    let part = |key| fields.optional(key, |value| value.parse(names));
    let layout = fields.required("layout", "de", |value| value.parse(names)).value()?;
    let [model, variant, options] = ["model", "variant", "options"].map(part);
    Some(Keyboard { layout, model: model.value(), variant: variant.value(), options: options.value() })
}

fn names(text: &str) -> Result<XkbNames, Finding> {
    XkbNames::new(text).map_err(|reason| {
        let message = format!("{} is no name of a keyboard: it {reason}", shown(text));
        Finding::new(message, "Write a layout like `de` or `us,de`, as `XKBLAYOUT` of keyboard(5)")
    })
}
