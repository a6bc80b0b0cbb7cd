//! Running the binary in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A temporary folder in which commands run.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    #[allow(dead_code, reason = "not every test file writes files")]
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("a file in a temporary folder");
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_superposition"));
        command
            .current_dir(self.0.path())
            .args(line.split_whitespace());
        command
    }

    /// Runs a command line; arguments are separated by spaces.
    pub(crate) fn run(&self, line: &str) -> Run {
        Run::of(line, self.command(line).output().expect("the binary runs"))
    }
}

/// What a command printed, and its exit code.
pub(crate) struct Run {
    pub(crate) line: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(line: &str, output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Self {
            line: line.to_owned(),
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}: {}", self.line, self.stderr);
        self
    }

    /// Fails with this code, says all of `words` on stderr, and nothing on stdout.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}: {}", self.line, self.stderr);
        for word in words {
            assert!(
                self.stderr.contains(word),
                "{}: {word:?} is not in {:?}",
                self.line,
                self.stderr
            );
        }
        assert!(
            !self.stderr.contains("panicked"),
            "{}: {}",
            self.line,
            self.stderr
        );
        assert_eq!(self.stdout, "", "{}", self.line);
        self
    }

    /// The one JSON document on stdout, checked against its schema.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.line, self.stdout));
        let name = value["schema"].as_str().expect("a schema key");
        let name = name
            .strip_prefix("superposition/")
            .expect("superposition/NAME/VERSION")
            .replace('/', ".");
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../superposition-lab/schemas")
            .join(format!("{name}.schema.json"));
        let schema = std::fs::read_to_string(path).expect("the schema is committed");
        let schema = serde_json::from_str(&schema).expect("the schema is JSON");
        let errors: Vec<String> = jsonschema::draft202012::new(&schema)
            .expect("the schema is a schema")
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", self.line);
        value
    }
}

/// A safetensors file with one f32 tensor `W`.
#[allow(dead_code, reason = "not every test file writes matrices")]
pub(crate) fn safetensors(rows: usize, cols: usize, values: &[f32]) -> Vec<u8> {
    assert_eq!(values.len(), rows * cols);
    let header = format!(
        r#"{{"W":{{"dtype":"F32","shape":[{rows},{cols}],"data_offsets":[0,{}]}}}}"#,
        4 * values.len()
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}
