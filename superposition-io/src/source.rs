//! Reading at positions, from a file or from bytes. Nothing is mapped: a file that shrinks while
//! it is read is an error here and a crash of the process in a map.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use crate::error::IoError;

/// Something with a length that can be read at any position, shared by its readers.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    content: Content,
    len: u64,
}

#[derive(Debug, Clone)]
enum Content {
    File(Arc<File>),
    Bytes(Arc<[u8]>),
}

impl Source {
    /// Opens a regular file. Everything else is refused before it is opened: opening a pipe waits
    /// for its other end.
    pub(crate) fn open(path: &Path) -> Result<Self, IoError> {
        let system = |source| IoError::system("open", path, source);
        let metadata = std::fs::metadata(path).map_err(system)?;
        if metadata.is_dir() {
            let inside = ["model.safetensors", "model.safetensors.index.json"]
                .into_iter()
                .map(|name| path.join(name))
                .find(|file| file.is_file());
            return Err(IoError::IsDirectory {
                path: path.to_owned(),
                inside,
            });
        }
        if !metadata.is_file() {
            return Err(IoError::NotAFile {
                path: path.to_owned(),
            });
        }
        let file = File::open(path).map_err(system)?;
        let len = file.metadata().map_err(system)?.len();
        Ok(Self {
            content: Content::File(Arc::new(file)),
            len,
        })
    }

    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        Self {
            content: Content::Bytes(bytes.into()),
            len,
        }
    }

    /// The length in bytes when it was opened.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// A reader that starts at `offset`.
    pub(crate) fn reader_at(&self, offset: u64) -> Reader {
        Reader {
            source: self.clone(),
            position: offset,
        }
    }

    /// At most the first `n` bytes.
    pub(crate) fn head(&self, n: u64) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.reader_at(0).take(n).read_to_end(&mut head)?;
        Ok(head)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.content {
            Content::File(file) => read_file_at(file, buffer, offset),
            Content::Bytes(bytes) => {
                let start = usize::try_from(offset).map_or(bytes.len(), |o| o.min(bytes.len()));
                let n = buffer.len().min(bytes.len() - start);
                buffer[..n].copy_from_slice(&bytes[start..start + n]);
                Ok(n)
            }
        }
    }
}

#[cfg(unix)]
fn read_file_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_file_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(not(any(unix, windows)))]
fn read_file_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek(SeekFrom::Start(offset))?;
    file.read(buffer)
}

/// Bytes that come one after the other, some of which are not wanted.
pub(crate) trait Stream: Read {
    /// Leaves out the next `n` bytes.
    fn skip(&mut self, n: u64) -> io::Result<()>;
}

impl Stream for Reader {
    fn skip(&mut self, n: u64) -> io::Result<()> {
        self.position = self.position.saturating_add(n);
        Ok(())
    }
}

/// Makes sure that nothing follows.
pub(crate) fn expect_end<R: Read + ?Sized>(reader: &mut R) -> io::Result<()> {
    if reader.read(&mut [0])? == 0 {
        return Ok(());
    }
    let longer = "it is longer than it claims";
    Err(io::Error::new(io::ErrorKind::InvalidData, longer))
}

/// A cursor of its own over a [`Source`].
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    source: Source,
    position: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read_at(buffer, self.position)?;
        self.position = self.position.saturating_add(n as u64);
        Ok(n)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.source.len.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
