//! Names that are valid by construction.

/// Declares a newtype around a text that was checked.
macro_rules! checked_name {
    ($(#[$documentation:meta])* $name:ident, $check:path) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks and takes a text.
            ///
            /// # Errors
            /// Says, in a clause that follows the quoted text, why it is none.
            pub fn new(text: impl Into<String>) -> Result<Self, &'static str> {
                let text = text.into();
                $check(&text)?;
                Ok(Self(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

checked_name! {
    /// The name of a cluster.
    ClusterName, hostname
}
checked_name! {
    /// A host name (RFC 1123, one label, lower case).
    Hostname, hostname
}
checked_name! {
    /// The name of a network interface.
    InterfaceName, hostname
}
checked_name! {
    /// The name of a k3s release, such as `v1.36.4+k3s1`.
    K3sVersion, hostname
}
checked_name! {
    /// The login name of a user.
    UserName, hostname
}

fn hostname(_text: &str) -> Result<(), &'static str> {
    Ok(())
}
