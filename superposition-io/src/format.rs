//! Which format a file is in: its first bytes decide, its name only where they say nothing.

use std::path::Path;

use crate::error::IoError;
use crate::npy;
use crate::safetensors;

/// How many first bytes [`detect`] looks at.
pub(crate) const HEAD_BYTES: u64 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Safetensors,
    Index,
    Npy,
    Npz,
}

/// The format of a file of `len` bytes that begins with `head`, or why it is none.
pub(crate) fn detect(path: &Path, head: &[u8], len: u64) -> Result<Format, IoError> {
    let extension = path
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    let is_pickle_name = matches!(
        extension.as_str(),
        "pt" | "pth" | "bin" | "ckpt" | "pkl" | "pickle"
    );
    let unknown = |found: &str| {
        Err(IoError::UnknownFormat {
            path: path.to_owned(),
            found: found.to_owned(),
        })
    };
    if head.is_empty() {
        return unknown("it is empty");
    }
    if head.starts_with(b"version https://git-lfs") {
        return unknown("it is a pointer of git-lfs, not the file itself; run `git lfs pull`");
    }
    if head.starts_with(npy::MAGIC) {
        return Ok(Format::Npy);
    }
    if safetensors::looks_like(head, len) {
        return Ok(Format::Safetensors);
    }
    // Protocols 2 and later begin so; PyTorch's newer files are zip archives around a pickle.
    let is_pickle = matches!(head, [0x80, 2..=5, ..]);
    if is_pickle || is_pickle_name {
        return Err(IoError::Pickle {
            path: path.to_owned(),
        });
    }
    match extension.as_str() {
        "safetensors" => return Ok(Format::Safetensors),
        "json" => return Ok(Format::Index),
        "npy" => return Ok(Format::Npy),
        _ => {}
    }
    // The second is an archive without members.
    if extension == "npz" || head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Format::Npz);
    }
    unknown(if head.starts_with(b"\x89HDF") {
        "it is an HDF5 file"
    } else if head.starts_with(b"GGUF") {
        "it is a GGUF file"
    } else {
        "its first bytes are those of none"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, head: &[u8]) -> Result<Format, IoError> {
        detect(Path::new(name), head, 1000)
    }

    #[test]
    fn bytes_decide_before_names() {
        let safetensors = b"\x02\0\0\0\0\0\0\0{}";
        assert_eq!(of("a.bin", safetensors).unwrap(), Format::Safetensors);
        assert_eq!(of("a", safetensors).unwrap(), Format::Safetensors);
        assert_eq!(of("a.dat", b"\x93NUMPY\x01\0").unwrap(), Format::Npy);
        assert_eq!(of("a.dat", b"PK\x03\x04....").unwrap(), Format::Npz);
        assert_eq!(
            of("a.safetensors", b"garbage").unwrap(),
            Format::Safetensors
        );
        assert_eq!(of("a.index.json", b"{}").unwrap(), Format::Index);
    }

    #[test]
    fn pickles_are_known_by_name_or_by_bytes() {
        for name in ["a.pt", "a.pth", "a.bin", "a.ckpt", "a.pkl", "A.PT"] {
            assert!(
                matches!(of(name, b"PK\x03\x04...."), Err(IoError::Pickle { .. })),
                "{name}"
            );
        }
        assert!(matches!(
            of("a.safetensors", b"\x80\x02}q\0....."),
            Err(IoError::Pickle { .. })
        ));
    }

    #[test]
    fn the_rest_is_described() {
        let said = |head| of("a.x", head).unwrap_err().to_string();
        assert!(said(b"").contains("it is empty"));
        assert!(said(b"\x89HDF\r\n").contains("HDF5"));
        assert!(said(b"GGUF....").contains("GGUF"));
        assert!(said(b"version https://git-lfs.github.com/spec/v1").contains("git lfs pull"));
        assert!(said(b"hello").contains(".safetensors"));
    }
}
