//! Writing YAML that every reader understands the same.

use serde_json::{Map, Value};
pub(crate) use serde_yaml::ser::Error;

/// Writes one document with these keys, in this order.
///
/// k3s reads it with Go's YAML, which knows YAML 1.1's numbers and words too (`0644`, `1e3`, `on`, `~`);
/// a text that looks like one of them is quoted, so that it stays a text. Texts of several lines are
/// written in quotes, on one line.
///
/// # Errors
/// The serializer's error about a value that YAML cannot hold.
pub(crate) fn document(keys: &Map<String, Value>) -> Result<String, Error> {
    let options = serde_yaml::ser_options! { prefer_block_scalars: false };
    serde_yaml::to_string_with_options(keys, options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    /// Texts that some reader of YAML takes for something else where they are not quoted.
    fn treacherous() -> Map<String, Value> {
        let texts = [
            "0644",
            "1e3",
            "1_000",
            "0x1f",
            "0o17",
            "0b1",
            ".5",
            "1:30",
            "12:30:45",
            "-7",
            "+1",
            "on",
            "off",
            "yes",
            "No",
            "y",
            "true",
            "NULL",
            "null",
            "~",
            "",
            " ",
            "a ",
            " a",
            "- a",
            "a: b",
            "a:",
            "a #b",
            "#a",
            "one\ntwo\n",
            "\ttab",
            "'",
            "\"",
            "\\",
            "%a",
            "@a",
            "`a",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "{a",
            "[a",
            "?",
            "-",
            "---",
            "...",
            "2026-11-23",
            "2026-11-23T10:00:00Z",
            ".inf",
            ".NaN",
            "<<",
            "=",
            "é",
            "\u{85}",
            "\u{1b}[31m",
            "\r\n",
            "\u{7f}\u{9b}",
            "\u{2028}",
            "\u{feff}",
            "disable=traefik,servicelb",
            "fd00::11",
            "192.168.50.11",
            "https://192.168.50.11:6443",
            "1234567890123456789012345678901234567890123456789012345678901234",
            "1234567890123456789012345678901234567890123456789012345678901e34",
        ];
        let mut keys = Map::new();
        for (number, text) in texts.iter().enumerate() {
            keys.insert(format!("key-{number}"), json!(text));
        }
        keys.insert("list".to_owned(), json!(texts.to_vec()));
        keys.insert("nested".to_owned(), json!({"a": ["0644", {"b": "on"}], "empty": [], "none": {}}));
        keys.insert("others".to_owned(), json!([true, false, null, 7, -7, 1.5, 9_007_199_254_740_993_u64]));
        keys.insert("long".to_owned(), json!("word ".repeat(60)));
        keys.insert("kubelet-arg+".to_owned(), json!(["max-pods=50"]));
        keys
    }

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let keys = treacherous();
        let text = document(&keys).unwrap();
        let read: Map<String, Value> = serde_yaml::from_str(&text).unwrap();
        assert_eq!(Value::Object(read), Value::Object(keys), "{text}");
    }

    /// PyYAML reads YAML 1.1, where far more words are no texts.
    #[test]
    fn another_reader_reads_the_same() {
        let keys = treacherous();
        let program =
            "import json, sys, yaml\nprint(json.dumps(yaml.safe_load(sys.stdin.buffer.read().decode())))";
        let has_yaml = Command::new("python3").args(["-c", "import yaml"]).stderr(Stdio::null()).status();
        if !has_yaml.is_ok_and(|status| status.success()) {
            crate::types::test_oracle::skipped("python3 with yaml is not installed");
            return;
        }
        let mut child = Command::new("python3")
            .args(["-c", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let text = document(&keys).unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(read, Value::Object(keys), "{text}");
    }

    #[test]
    fn an_ordinary_document_looks_as_a_person_would_write_it() {
        let mut keys = Map::new();
        keys.insert("node-ip".to_owned(), json!("192.168.50.11"));
        keys.insert("write-kubeconfig-mode".to_owned(), json!("0644"));
        keys.insert("disable".to_owned(), json!(["traefik"]));
        let expected = "\
node-ip: \"192.168.50.11\"
write-kubeconfig-mode: \"0644\"
disable:
- traefik
";
        assert_eq!(document(&keys).unwrap(), expected);
    }
}
