//! Permissions and owners of files.

/// The permission bits of a file: the lower twelve bits of `st_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mode(u16);

impl Mode {
    /// `rw-r--r--`: what everybody may read.
    pub const FILE: Self = Self(0o644);
    /// `rw-------`: what holds a secret.
    pub const SECRET: Self = Self(0o600);
    /// `rwxr-xr-x`: a program, or a directory that everybody may enter.
    pub const EXECUTABLE: Self = Self(0o755);
    /// `rwx------`: a directory of one user's own.
    pub const PRIVATE_DIRECTORY: Self = Self(0o700);
    /// `r--r-----`: what sudo asks of its rules.
    pub const SUDOERS: Self = Self(0o440);

    /// Takes any of the twelve bits; `None` for a number that has more.
    pub const fn new(bits: u16) -> Option<Self> {
        if bits <= 0o7777 { Some(Self(bits)) } else { None }
    }

    /// Returns the twelve bits.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Returns `true` if others than the owner and the group may do anything with the file.
    pub const fn open_to_others(self) -> bool {
        !self.0.is_multiple_of(8)
    }

    /// Returns the same without the bits that let a program run as its owner or its group.
    #[must_use]
    pub const fn without_set_id(self) -> Self {
        Self(self.0 & !0o6000)
    }

    /// Takes the permission bits of a whole `st_mode`, which also holds the type of the file.
    pub const fn from_st_mode(st_mode: u16) -> Self {
        Self(st_mode & 0o7777)
    }
}

impl std::fmt::Display for Mode {
    /// Writes it as `chmod` takes it: `0644`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:04o}", self.0)
    }
}

impl serde::Serialize for Mode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The owner of a file, by number: the names are in the image's own /etc/passwd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl std::fmt::Display for Owner {
    /// Writes it as `chown` takes it: `1000:1000`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.uid, self.gid)
    }
}

impl Owner {
    /// root:root.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };
}
