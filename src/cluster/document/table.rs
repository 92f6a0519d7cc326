//! The tables that declare the keys of nodes.yaml, a table a level.
//!
//! A row declares everything about a key: its type and reader, its value where it is absent, how a node's value
//! combines with the cluster's, its help and example, the words of other tools for it. [`keys!`] makes of a table
//! a draft (`UserFields`: what was read, with spans), the finished value (`User`), and a `Level` of `Row`s, from
//! which hints, nodes.schema.json and docs/nodes-yaml.md come.
//!
//! ```text
//! keys! {
//!     level USER: "user", "under `user:`", "The user you log in as.";
//!     draft UserFields => User {};
//!
//!     key shell: ImagePath = text(shell) => ImagePath, else image_path!("/bin/bash"); {
//!     │   │      │           │              │               └ where it is absent; without it, the type is an Option
//!     │   │      │           │              └ its type in `User`; a row without it is for the rules alone
//!     │   │      │           └ its reader (`document/types.rs`)
//!     │   │      └ its type in `UserFields`, inside a `Field`
//!     │   └ the key
//!     └ `level` where the key holds a mapping with a table of its own
//!         help: "Login shell, with its whole path inside the image.",
//!         example: "/bin/zsh",
//!     }
//! }
//! ```
//!
//! `draft BesideFields with link: LinkFields;` has the rows of another table before its own, and what they read in `link`.

use crate::cluster::document::value::Field;

/// Merges lists: the cluster's first, then the node's.
pub(crate) fn added<T: Clone>(own: &Field<Vec<T>>, cluster: &Field<Vec<T>>) -> Field<Vec<T>> {
    match (own, cluster) {
        (Field::Given(own), Field::Given(cluster)) => {
            let mut both = cluster.clone();
            both.value.extend(own.value.iter().cloned());
            Field::Given(both)
        }
        _ => own.or(cluster),
    }
}

/// Declares a level, or a group of keys that levels share. See the module's documentation.
macro_rules! keys {
    (
        $(level $level:ident: $name:literal, $home:literal, $about:literal $(, schema $schema:expr)?;)?
        draft $draft:ident $(=> $model:ident { $($besides:ident: $besides_type:ty, $besides_help:literal;)* })?
            $(with $shared:ident: $shared_draft:ident)* $(, then $then:path)?;
        $(
            $kind:ident $key:ident: $type:ty = $reader:expr $(, merge $merge:ident)?
                $(=> $in_model:ty $(, else $default:expr)? $(, derived $derived:expr)?)?; {
                help: $help:literal,
                $($attribute:ident: $value:expr,)*
            }
            $(| $alias:ident = $alias_reader:expr; {
                help: $alias_help:literal,
                $($alias_attribute:ident: $alias_value:expr,)*
            })?
        )*
    ) => {
        /// The values that were read, each with its span.
        #[derive(Debug, Clone, Default)]
        pub(crate) struct $draft {
            /// The mapping itself, where there is one.
            pub(crate) span: Option<$crate::cluster::FieldSpan>,
            $(pub(crate) $shared: $shared_draft,)*
            $(#[doc = $help] pub(crate) $key: $crate::cluster::document::table::keys!(@stored $kind $type),)*
        }

        impl $draft {
            pub(crate) const TABLE: &'static $crate::cluster::document::keys::Table =
                &$crate::cluster::document::keys::Table { shared: &[$($shared_draft::TABLE),*], rows: Self::ROWS };

            const ROWS: &'static [$crate::cluster::document::keys::Row] = &[$(
                $crate::cluster::document::table::keys!(@row $kind $key, $type, $reader, $help,
                    merge: stringify!($($merge)?), $($attribute: $value,)*),
                $($crate::cluster::document::table::keys!(@row key $alias, $type, $alias_reader, $alias_help,
                    instead_of: stringify!($key), $($alias_attribute: $alias_value,)*),)?
            )*];

            /// Reads the fields of a mapping.
            pub(crate) fn read(fields: &$crate::cluster::document::value::Fields<'_>) -> Self {
                #[allow(unused_mut, reason = "what follows may change it")]
                let mut read = Self {
                    span: Some(fields.span()),
                    $($shared: $shared_draft::read(fields),)*
                    $($key: {
                        let read = $crate::cluster::document::table::keys!(@read $kind $key, $type, $reader, fields);
                        $(let read = fields.one_of_two(
                            [stringify!($key), stringify!($alias)],
                            [read, $crate::cluster::document::table::keys!(@read key $alias, $type, $alias_reader, fields)],
                        );)?
                        read
                    },)*
                };
                $($then(&mut read, fields.diagnostics());)?
                read
            }

            #[allow(dead_code, reason = "not every group of keys is a mapping of its own")]
            pub(crate) fn invalid() -> Self {
                Self {
                    span: None,
                    $($shared: $shared_draft::invalid(),)*
                    $($key: $crate::cluster::document::table::keys!(@invalid $kind $type),)*
                }
            }

            /// Returns `true` if a value in it could not be read.
            #[allow(dead_code, reason = "mostly every value is looked at by itself")]
            pub(crate) fn is_invalid(&self) -> bool {
                false $(|| self.$shared.is_invalid())* $(|| self.$key.is_invalid())*
            }

            /// Returns a node's fields, with those that it does not have from the cluster.
            #[allow(dead_code, reason = "not every level is a node's as well as the cluster's")]
            pub(crate) fn above(&self, cluster: &Self) -> Self {
                Self {
                    span: self.span.clone().or_else(|| cluster.span.clone()),
                    $($shared: self.$shared.above(&cluster.$shared),)*
                    $($key: $crate::cluster::document::table::keys!(
                        @merge $kind $($merge)?, &self.$key, &cluster.$key
                    ),)*
                }
            }

            /// Collects the spans of all values, by their keys below `path`.
            #[allow(dead_code, reason = "not every level is a node's")]
            pub(crate) fn spans(&self, path: &str, spans: &mut $crate::cluster::NodeSpans) {
                $(self.$shared.spans(path, spans);)*
                $($crate::cluster::document::table::keys!(@spans $kind self.$key, $key, path, spans);)*
            }
        }

        $(
            #[doc = $about]
            pub(crate) const $level: $crate::cluster::document::keys::Level = $crate::cluster::document::keys::Level {
                name: $name,
                home: $home,
                help: $about,
                tables: &[$draft::TABLE],
                schema: $crate::cluster::document::table::keys!(@schema $($schema)?),
            };

            impl $draft {
                /// Reads the mapping under a key. One that cannot be read makes all in it invalid, as does a mistyped
                /// key.
                #[allow(dead_code, reason = "some have a reader of their own")]
                pub(crate) fn read_at(fields: &$crate::cluster::document::value::Fields<'_>, key: &str) -> Self {
                    match fields.get(key) {
                        None if fields.is_mistyped(key) => Self::invalid(),
                        None => Self::default(),
                        Some(value) => match value.fields(&$level) {
                            None => Self::invalid(),
                            Some(fields) => Self::read(&fields),
                        },
                    }
                }
            }
        )?

        $crate::cluster::document::table::keys! {
            @model $draft $($model)?;
            $($($besides: $besides_type, $besides_help;)*)?
            $($([$kind $key: $in_model, $help, $(else $default)? $(from $derived)?])?)*
        }
    };

    // The finished value, where there is one.
    (@model $draft:ident;) => {};
    (@model $draft:ident $model:ident;
        $($besides:ident: $besides_type:ty, $besides_help:literal;)*
        $([$kind:ident $key:ident: $in_model:ty, $help:literal, $($absent:tt)*])*
    ) => {
        #[doc = concat!("What nodes.yaml says in `", stringify!($draft), "`, with what it leaves out.")]
        #[derive(Debug, Clone, PartialEq)]
        pub struct $model {
            $(#[doc = $besides_help] pub $besides: $besides_type,)*
            $(#[doc = $help] pub $key: $in_model,)*
        }

        impl $draft {
            /// Returns the value that the rules have checked; `None` where a part of it could not be read.
            pub(crate) fn finish(&self, $($besides: $besides_type),*) -> Option<$model> {
                Some($model {
                    $($besides,)*
                    $($key: $crate::cluster::document::table::keys!(@finish $kind self, $key, $($absent)*),)*
                })
            }
        }
    };

    (@schema) => { $crate::cluster::document::keys::Level::EMPTY.schema };
    (@schema $schema:expr) => { $schema };
    (@stored key $type:ty) => { $crate::cluster::document::value::Field<$type> };
    (@stored level $type:ty) => { $type };
    (@row key $key:ident, $type:ty, $reader:expr, $help:literal, $($attribute:ident: $value:expr,)*) => {
        $crate::cluster::document::keys::Row {
            key: stringify!($key),
            help: $help,
            type_schema: || $crate::cluster::document::types::ValueType::schema(&$reader),
            is_required: || $crate::cluster::document::types::ValueType::is_required(&$reader),
            $($attribute: $value,)*
            ..$crate::cluster::document::keys::Row::EMPTY
        }
    };
    (@row level $key:ident, $type:ty, $reader:expr, $help:literal, $($attribute:ident: $value:expr,)*) => {
        $crate::cluster::document::keys::Row {
            key: stringify!($key),
            help: $help,
            is_level: true,
            type_schema: || serde_json::json!({"anyOf": [$crate::cluster::document::schema::reference(&$reader)]}),
            $($attribute: $value,)*
            ..$crate::cluster::document::keys::Row::EMPTY
        }
    };
    (@read key $key:ident, $type:ty, $reader:expr, $fields:expr) => {
        $crate::cluster::document::types::ValueType::field(&$reader, $fields, stringify!($key))
    };
    (@read level $key:ident, $type:ty, $reader:expr, $fields:expr) => {
        <$type>::read_at($fields, stringify!($key))
    };
    (@invalid key $type:ty) => { $crate::cluster::document::value::Field::Invalid };
    (@invalid level $type:ty) => { <$type>::invalid() };
    (@merge key, $own:expr, $cluster:expr) => { $own.or($cluster) };
    (@merge level, $own:expr, $cluster:expr) => { $own.above($cluster) };
    (@merge key $merge:ident, $own:expr, $cluster:expr) => { $merge($own, $cluster) };
    (@spans key $field:expr, $key:ident, $path:expr, $spans:expr) => {
        $spans.add($path, stringify!($key), $field.given().map(|given| &given.span))
    };
    (@spans level $field:expr, $key:ident, $path:expr, $spans:expr) => {
        $field.spans(&format!("{}{}.", $path, stringify!($key)), $spans)
    };
    (@finish level $fields:ident, $key:ident,) => { $fields.$key.finish()? };
    (@finish key $fields:ident, $key:ident,) => { $fields.$key.to_value().map($crate::cluster::document::value::Finish::finish) };
    (@finish key $fields:ident, $key:ident, else $default:expr) => {
        match $fields.$key.to_value() { Some(value) => $crate::cluster::document::value::Finish::finish(value), None => $default }
    };
    (@finish key $fields:ident, $key:ident, from $derived:expr) => {
        match $fields.$key.to_value() {
            Some(value) => $crate::cluster::document::value::Finish::finish(value),
            None => { let derived: fn(&Self) -> _ = $derived; derived($fields) }
        }
    };
}
pub(crate) use keys;
