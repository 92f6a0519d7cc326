//! Hints: the way out of an error.

/// An error that may have a hint: the way out of it.
///
/// The command line prints the hint on a line of its own, after `hint:`. A hint is one sentence (or a
/// few) in the imperative, without a final full stop, and never holds a secret.
pub trait Hint {
    /// Returns the hint, or `None` where it would say no more than the error itself.
    fn hint(&self) -> Option<String> {
        None
    }
}

impl<T: Hint> Hint for Box<T> {
    fn hint(&self) -> Option<String> {
        T::hint(self)
    }
}

impl Hint for std::io::Error {}

impl Hint for super::InvalidPath {}

/// Declares error types whose variants have their text and their hint beside each other.
///
/// ```text
/// errors! {
///     /// An error of opening a door.
///     #[derive(Debug, thiserror::Error)]
///     pub enum DoorError {
///         /// The hint of a cause is passed on.
///         #[error(transparent)]
///         Key(#[from] KeyError),
///         /// A hint may use the fields, and a cause by the name after `as`. It is a text, or an `Option` of one.
///         #[error("the door {number} is locked")]
///         Locked { number: u32 } => format!("Fetch the key with the number {number}"),
///         /// Without a hint the error says it all.
///         #[error("there is no door")]
///         NoDoor,
///     }
/// }
/// ```
///
/// The text of an error says what its fields are, so those need no documentation.
macro_rules! errors {
    ($(#[$($attribute:tt)*])* $vis:vis enum $name:ident {
        $(
            $(#[$($about:tt)*])*
            $variant:ident
            $( ( $(#[$($from:tt)*])* $cause:ty $(as $binding:ident)? ) )?
            $( { $( $(#[$($of:tt)*])* $field:ident: $type:ty ),* $(,)? } )?
            $( => $hint:expr )?
        ),* $(,)?
    }) => {
        $(#[$($attribute)*])*
        #[non_exhaustive]
        $vis enum $name {
            $(
                $(#[$($about)*])*
                $variant
                $( ( $(#[$($from)*])* $cause ) )?
                $( { $( $(#[$($of)*])* #[allow(missing_docs, reason = "the error says what they are")] $field: $type ),* } )?
            ),*
        }

        impl $crate::types::Hint for $name {
            #[allow(unused_variables, irrefutable_let_patterns, reason = "not every hint uses every field")]
            fn hint(&self) -> Option<String> {
                $(
                    $crate::types::errors! {
                        @hint self, $name, $variant
                        $( ( $cause $(as $binding)? ) )?
                        $( { $($field),* } )?
                        $( => $hint )?
                    }
                )*
                None
            }
        }
    };
    (@hint $self:ident, $name:ident, $variant:ident ($cause:ty)) => {
        if let $name::$variant(cause) = $self {
            return $crate::types::Hint::hint(cause);
        }
    };
    (@hint $self:ident, $name:ident, $variant:ident ($cause:ty as $binding:ident) => $hint:expr) => {
        if let $name::$variant($binding) = $self {
            return $crate::types::IntoHint::into_hint($hint);
        }
    };
    (@hint $self:ident, $name:ident, $variant:ident $(($cause:ty))? $({ $($field:ident),* })? => $hint:expr) => {
        if let $name::$variant { $($($field,)*)? .. } = $self {
            return $crate::types::IntoHint::into_hint($hint);
        }
    };
    (@hint $self:ident, $name:ident, $variant:ident $({ $($field:ident),* })?) => {};
}
pub(crate) use errors;

/// A value that may stand for a hint in [`errors!`].
pub(crate) trait IntoHint {
    fn into_hint(self) -> Option<String>;
}

impl IntoHint for &str {
    fn into_hint(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl IntoHint for String {
    fn into_hint(self) -> Option<String> {
        Some(self)
    }
}

impl<T: IntoHint> IntoHint for Option<T> {
    fn into_hint(self) -> Option<String> {
        self.and_then(T::into_hint)
    }
}

/// Something that is valid and may still disappoint.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// The mistake or finding.
    pub message: String,
    /// The remedy.
    pub hint: Option<String>,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Hint for Warning {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

impl Warning {
    /// Takes the texts of a typed warning.
    pub fn of(warning: &(impl std::fmt::Display + Hint)) -> Self {
        Self { message: warning.to_string(), hint: warning.hint() }
    }
}
