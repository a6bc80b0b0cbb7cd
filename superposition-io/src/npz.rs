//! `.npz`: a zip archive with an `.npy` array in each member, stored or deflated.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::Path;

use zip::read::ZipFile;
use zip::{CompressionMethod, ZipArchive};

use crate::element::{ByteOrder, Element};
use crate::error::{IoError, shown};
use crate::layout::{Entry, Place};
use crate::npy;
use crate::source::{Reader, Source, Stream, expect_end};
use crate::tensor::{TensorInfo, Values};

const FORMAT: &str = "npz";
/// A deflate stream expands at most 1,032-fold (a match of 258 bytes costs two bits).
const MOST_EXPANSION: u64 = 1032;

/// An archive whose directory has been read; cloning it shares the directory.
pub(crate) type Archive = ZipArchive<Reader>;

/// Where the data of an array lie in an archive.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    archive: Archive,
    index: usize,
    /// Where the array's numbers begin in the member.
    data_start: u64,
    n_data_bytes: u64,
    /// Where they begin in the file, if they lie there as they are.
    stored_at: Option<(Source, u64)>,
}

/// The arrays of an archive in the order of its directory. Members that are no `.npy` are left out.
pub(crate) fn open(path: &Path, source: &Source) -> Result<Vec<Entry>, IoError> {
    let malformed = |reason: String| IoError::malformed(path, FORMAT, reason);
    let mut archive = ZipArchive::new(source.reader_at(0))
        .map_err(|e| malformed(format!("{e}; it may be truncated")))?;
    if archive.has_duplicate_names() {
        return Err(malformed(
            "two of its members have the same name".to_owned(),
        ));
    }
    let mut names = HashSet::new();
    let mut entries = Vec::new();
    let mut any_pickle = false;
    for index in 0..archive.len() {
        let file_name = match archive.name_for_index(index) {
            Some(Ok(name)) => name.into_owned(),
            _ => {
                return Err(malformed(format!(
                    "the name of member {index} cannot be read"
                )));
            }
        };
        any_pickle |= file_name == "data.pkl" || file_name.ends_with("/data.pkl");
        let Some(name) = file_name.strip_suffix(".npy") else {
            continue;
        };
        if !names.insert(name.to_owned()) {
            return Err(malformed(format!(
                "two of its members are named `{}`",
                shown(name)
            )));
        }
        entries.push(open_member(path, &mut archive, index, name, source)?);
    }
    if entries.is_empty() && any_pickle {
        return Err(IoError::Pickle {
            path: path.to_owned(),
        });
    }
    Ok(entries)
}

fn open_member(
    path: &Path,
    archive: &mut Archive,
    index: usize,
    name: &str,
    source: &Source,
) -> Result<Entry, IoError> {
    let malformed = |reason: String| {
        IoError::malformed(path, FORMAT, format!("in `{}`, {reason}", shown(name)))
    };
    let mut member = archive
        .by_index(index)
        .map_err(|e| malformed(e.to_string()))?;
    let n_bytes = check_size(&member, source.len()).map_err(&malformed)?;
    let stored_at = match member.compression() {
        CompressionMethod::Stored => member.data_start(),
        _ => None,
    };
    let header = npy::read_header(&mut member, path, FORMAT, name)?;
    drop(member);
    if let Some(n_data_bytes) = header.n_data_bytes {
        let needed = header.data_start.checked_add(n_data_bytes);
        if needed != Some(n_bytes) {
            return Err(malformed(format!(
                "shape {:?} and dtype {} need {n_data_bytes} bytes, the member has {} after its header",
                header.shape,
                header.dtype,
                n_bytes.saturating_sub(header.data_start)
            )));
        }
    }
    Ok(Entry {
        info: TensorInfo {
            name: name.to_owned(),
            shape: header.shape,
            dtype: header.dtype,
        },
        element: header.element,
        layout: header.layout,
        place: Place::Member(Member {
            archive: archive.clone(),
            index,
            data_start: header.data_start,
            n_data_bytes: header.n_data_bytes.unwrap_or(0),
            // Within the file: the header was read from there, and the member is no longer than it.
            stored_at: stored_at.map(|at| (source.clone(), at + header.data_start)),
        }),
    })
}

/// The length of a member, where its compressed length makes it possible.
fn check_size(member: &ZipFile<'_, Reader>, file_len: u64) -> Result<u64, String> {
    let (compressed, size) = (member.compressed_size(), member.size());
    if compressed > file_len {
        return Err(format!(
            "its {compressed} compressed bytes are more than the file has"
        ));
    }
    let most = match member.compression() {
        CompressionMethod::Stored => compressed,
        CompressionMethod::Deflated => compressed.saturating_mul(MOST_EXPANSION),
        other => {
            return Err(format!(
                "it is compressed by {other}; stored and deflated are read"
            ));
        }
    };
    if size > most {
        return Err(format!(
            "its {compressed} compressed bytes cannot hold the {size} that it claims"
        ));
    }
    Ok(size)
}

impl Member {
    /// Where the numbers lie in the file, if they are not compressed.
    pub(crate) fn stored_at(&self) -> Option<(&Source, u64)> {
        let (source, offset) = self.stored_at.as_ref()?;
        Some((source, *offset))
    }

    /// The numbers from their beginning.
    pub(crate) fn with_stream<R>(
        &self,
        read: impl FnOnce(&mut dyn Stream) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut archive = self.archive.clone();
        let mut member = archive.by_index(self.index).map_err(io::Error::other)?;
        discard(&mut member, self.data_start)?;
        read(&mut member)
    }

    /// Reads `n` elements after the first `skip`, and the rest of the member for its checksum.
    pub(crate) fn read(
        &self,
        element: Element,
        order: ByteOrder,
        skip: u64,
        n: usize,
    ) -> io::Result<Values> {
        let mut archive = self.archive.clone();
        let mut member = archive.by_index(self.index).map_err(io::Error::other)?;
        let before = self.data_start + skip * element.n_bytes();
        discard(&mut member, before)?;
        let values = element.read(&mut member, order, n)?;
        let after = self.n_data_bytes - (skip + n as u64) * element.n_bytes();
        discard(&mut member, after)?;
        // The checksum is compared where the stream ends, so its end must be reached.
        expect_end(&mut member)?;
        Ok(values)
    }
}

impl<R: Read + ?Sized> Stream for ZipFile<'_, R> {
    fn skip(&mut self, n: u64) -> io::Result<()> {
        discard(self, n)
    }
}

fn discard(reader: &mut dyn Read, n: u64) -> io::Result<()> {
    if io::copy(&mut reader.take(n), &mut io::sink())? == n {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
