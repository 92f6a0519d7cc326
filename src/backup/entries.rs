//! The files of a backup, as the script on the node prints them.

use super::header::{Datastore, MAGIC};
use crate::types::number::usize_from;
use std::io::{self, BufRead, Read};

/// The longest line: a path is part of it.
const LONGEST_LINE: u64 = 1024;

/// The lines before the first one of the script that are passed over: the shell of whoever logs in may greet.
const MOST_GREETING: usize = 200;

/// More bytes than the datastore of a cluster of Raspberry Pis has. etcd takes no more than half of it (its option
/// `quota-backend-bytes`), and all of it goes through memory when it is put onto a card.
pub(super) const MOST_BYTES: u64 = 4 << 30;

/// The path of the snapshot of etcd among the files of a backup.
pub(super) const SNAPSHOT: &str = "db/snapshot";

/// The path of the server's token.
pub(super) const TOKEN: &str = "token";

/// What makes a stream of files none. The reasons are clauses that follow "what it sent".
#[derive(Debug)]
pub(super) enum StreamError {
    Io(io::Error),
    Broken(&'static str),
    /// A reason by the script itself.
    Refused(String),
}

impl From<io::Error> for StreamError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

type Result<T> = std::result::Result<T, StreamError>;

/// A file: its path below the folder `server` of k3s, and its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) size: u64,
}

impl Entry {
    /// Returns the line before its content.
    pub(super) fn line(&self) -> String {
        format!("file {} {}\n", self.size, self.path)
    }
}

/// Reads the files of a stream, one after another.
pub(super) struct Entries<R> {
    from: R,
    left: u64,
}

impl<R: BufRead> Entries<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, left: MOST_BYTES }
    }

    /// Reads the lines before the first file: the version of k3s, and its datastore.
    pub(super) fn begin(&mut self) -> Result<(String, Datastore)> {
        let mut greeting = 0;
        while self.line()? != MAGIC {
            greeting += 1;
            if greeting > MOST_GREETING {
                return Err(StreamError::Broken("does not begin as a backup does"));
            }
        }
        let version = self.field("k3s ")?;
        let datastore = match self.field("datastore ")?.as_str() {
            "sqlite" => Datastore::Sqlite,
            "etcd" => Datastore::Etcd,
            _ => return Err(StreamError::Broken("has a datastore that is neither sqlite nor etcd")),
        };
        Ok((version, datastore))
    }

    /// Reads the line before a file; `None` at the end. The content of the one before has to be read.
    pub(super) fn next(&mut self) -> Result<Option<Entry>> {
        let line = self.line()?;
        if line == "end" {
            return Ok(None);
        }
        let entry = line.strip_prefix("file ").and_then(|rest| rest.split_once(' '));
        let entry =
            entry.and_then(|(size, path)| Some(Entry { path: path.to_owned(), size: size.parse().ok()? }));
        let Some(entry) = entry else { return Err(StreamError::Broken("is no list of files")) };
        if !is_wanted(&entry.path) {
            return Err(StreamError::Broken("has a file that is not asked for"));
        }
        self.left = self.left.checked_sub(entry.size).ok_or(StreamError::Broken("is larger than 4 GiB"))?;
        Ok(Some(entry))
    }

    /// Reads the content of a file in pieces, each of which `take` gets.
    pub(super) fn content(
        &mut self,
        entry: &Entry,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<()> {
        let mut left = entry.size;
        while left > 0 {
            let found = self.from.fill_buf()?;
            if found.is_empty() {
                return Err(StreamError::Broken("ends in the middle of a file"));
            }
            let count = left.min(found.len() as u64);
            let (piece, _) = found.split_at(usize_from(count));
            take(piece)?;
            self.from.consume(usize_from(count));
            left -= count;
        }
        Ok(())
    }

    /// Reads all files that are left, to the end of all.
    pub(super) fn files(mut self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        while let Some(entry) = self.next()? {
            let mut content = Vec::new();
            self.content(&entry, |piece| {
                content.extend_from_slice(piece);
                Ok(())
            })?;
            files.push((entry.path, content));
        }
        self.end()?;
        Ok(files)
    }

    /// Reads on to the end of all.
    pub(super) fn end(mut self) -> Result<()> {
        let mut rest = [0];
        if self.from.read(&mut rest)? == 0 {
            Ok(())
        } else {
            Err(StreamError::Broken("goes on after its end"))
        }
    }

    fn field(&mut self, name: &str) -> Result<String> {
        let line = self.line()?;
        line.strip_prefix(name)
            .map(str::to_owned)
            .ok_or(StreamError::Broken("does not begin as a backup does"))
    }

    /// Reads a line of the script's own; one by which it says why it ends is an error.
    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        self.from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(StreamError::Broken("ends too early"));
        }
        let line = String::from_utf8(line).map_err(|_| StreamError::Broken("is no list of files"))?;
        match line.strip_prefix("cardwright-backup failed: ") {
            Some(reason) => Err(StreamError::Refused(reason.to_owned())),
            None => Ok(line),
        }
    }
}

/// Returns `true` for the paths that a backup has: none of them leads anywhere else.
fn is_wanted(path: &str) -> bool {
    let plain = |name: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:@+".contains(&byte);
        !name.is_empty() && name != "." && name != ".." && name.bytes().all(allowed)
    };
    let is_known = path == TOKEN
        || ["db/state.db", "db/state.db-wal", SNAPSHOT].contains(&path)
        || ["tls/", "cred/"].iter().any(|folder| path.starts_with(folder));
    is_known && path.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stream: &str) -> Result<Vec<(String, String)>> {
        let mut entries = Entries::new(stream.as_bytes());
        entries.begin()?;
        let files = entries.files()?.into_iter();
        Ok(files.map(|(path, content)| (path, String::from_utf8(content).unwrap())).collect())
    }

    const BEGIN: &str = "cardwright-backup 1\nk3s v1.36.4+k3s1\ndatastore etcd\n";

    #[test]
    fn files_are_read_behind_what_a_shell_says_first() {
        let found = read(&format!("Welcome!\n{BEGIN}file 3 token\nabcfile 0 tls/etcd/x.crt\nend\n")).unwrap();
        assert_eq!(
            found,
            [("token".to_owned(), "abc".to_owned()), ("tls/etcd/x.crt".to_owned(), String::new())]
        );
    }

    #[test]
    fn what_is_no_list_of_wanted_files_is_refused() {
        for rest in [
            "",
            "file 3 token\nab",
            "file 3 token\nabcen",
            "file 3 token\nabcend\nx",
            "file x token\n",
            "file 3\n",
            "file 5000000000 token\n",
            "file 0 tls/../../../etc/shadow\nend\n",
            "file 0 /etc/shadow\nend\n",
            "file 0 tls/\nend\n",
            "file 0 tls/a b\nend\n",
            "file 0 manifests/x.yaml\nend\n",
        ] {
            assert!(matches!(read(&format!("{BEGIN}{rest}")), Err(StreamError::Broken(_))), "{rest}");
        }
        assert!(matches!(read(&"hello\n".repeat(300)), Err(StreamError::Broken(_))));
    }

    #[test]
    fn a_reason_of_the_script_is_passed_on() {
        let reason = |stream: &str| match read(stream) {
            Err(StreamError::Refused(reason)) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason("Hi\ncardwright-backup failed: there is no room\n"), "there is no room");
        assert_eq!(reason(&format!("{BEGIN}file 1 token\nacardwright-backup failed: x\n")), "x");
    }
}
