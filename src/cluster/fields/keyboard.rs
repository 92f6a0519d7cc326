//! `keyboard:`, the keyboard at a node's console.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{required, text};
use crate::cluster::document::value::FieldValue;
use crate::cluster::{Keyboard, XkbNames};

keys! {
    level KEYBOARD: "keyboard", "under `keyboard:`", "The keyboard at a node's console, in the words of keyboard(5).";
    draft KeyboardFields;

    key layout: XkbNames = required("de", text(names)); {
        help: "The layout, or several with commas between them.",
        example: "de",
        here: "xkblayout keymap lang",
    }
    key model: XkbNames = text(names); {
        help: "The model; the stock image's own where absent.",
        example: "pc105",
        here: "xkbmodel",
    }
    key variant: XkbNames = text(names); {
        help: "A variant of the layout.",
        example: "nodeadkeys",
        here: "xkbvariant",
    }
    key options: XkbNames = text(names); {
        help: "Options, with commas between them; the stock image's own where absent.",
        example: "ctrl:nocaps",
        here: "xkboptions option",
    }
}

/// Reads a layout, or a mapping.
pub(crate) fn keyboard(value: &FieldValue<'_>) -> Option<Keyboard> {
    if let YamlKind::Scalar(_) = value.kind() {
        let layout = value.parse(names)?;
        return Some(Keyboard { layout, model: None, variant: None, options: None });
    }
    let KeyboardFields { layout, model, variant, options, .. } =
        KeyboardFields::read(&value.fields(&KEYBOARD)?);
    let layout = layout.value()?;
    Some(Keyboard { layout, model: model.value(), variant: variant.value(), options: options.value() })
}

fn names(text: &str) -> Result<XkbNames, Finding> {
    XkbNames::new(text).map_err(|reason| {
        let message = format!("{} is no name of a keyboard: it {reason}", shown(text));
        Finding::new(message, "Write a layout like `de` or `us,de`, as `XKBLAYOUT` of keyboard(5)")
    })
}
