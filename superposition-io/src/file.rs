//! A file of tensors: what it holds, and reading one of them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::element::Element;
use crate::error::IoError;
use crate::format::{self, Format};
use crate::layout::{Entry, Place, n_elements};
use crate::names::near_names;
use crate::source::Source;
use crate::stored_matrix::StoredMatrix;
use crate::tensor::{Matrix, Tensor, TensorInfo};
use crate::{npy, npz, safetensors, sharded};

/// What a reader may allocate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadLimits {
    /// Bytes of one tensor in memory, after decompression and after 16-bit numbers have become
    /// `f32`; 16 GiB by default. It is compared before anything is allocated.
    pub max_bytes: u64,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            max_bytes: 16 << 30,
        }
    }
}

impl ReadLimits {
    /// These limits with another `max_bytes`.
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: u64) -> Self {
        Self { max_bytes }
    }
}

/// A file of tensors whose headers have been read and checked, and whose numbers have not.
///
/// Opening costs the headers; [`read`](Self::read) and [`read_matrix`](Self::read_matrix) cost the
/// tensor that they are asked for. The files stay open, so replacing one by renaming another over
/// it does not disturb a reader. Reading takes `&self` and may happen on several threads.
///
/// ```
/// use std::collections::BTreeMap;
/// use superposition_io::{
///     Overwrite, ReadLimits, TensorFile, TensorToWrite, Values, write_safetensors,
/// };
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.safetensors");
/// let w = TensorToWrite { name: "W", shape: &[2, 3], values: &[1.0, 0.0, 0.5, 0.0, 1.0, 0.5] };
/// write_safetensors(&path, &[w], &BTreeMap::new(), Overwrite::Refuse)?;
///
/// let file = TensorFile::open(&path, &ReadLimits::default())?;
/// assert_eq!(file.tensors()[0].shape, [2, 3]);
/// let matrix = file.read_matrix(None, None)?;
/// assert_eq!((matrix.n_rows, matrix.n_cols), (2, 3));
/// // Row 1, column 2.
/// let Values::F32(values) = matrix.values else { panic!("written as f32") };
/// assert_eq!(values[1 * matrix.n_cols + 2], 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// The formats: [safetensors](https://github.com/huggingface/safetensors#format), followed
/// strictly (no gap, no overlap, no repeated key);
/// [npy and npz](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), versions
/// 1 to 3.
#[derive(Clone)]
pub struct TensorFile {
    path: PathBuf,
    metadata: BTreeMap<String, String>,
    tensors: Vec<TensorInfo>,
    entries: Vec<Entry>,
    limits: ReadLimits,
}

impl fmt::Debug for TensorFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the entries, which may hold the bytes of the file.
        f.debug_struct("TensorFile")
            .field("path", &self.path)
            .field("metadata", &self.metadata)
            .field("tensors", &self.tensors)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl TensorFile {
    /// Opens a safetensors file, a `model.safetensors.index.json` with the files beside it that it
    /// names, an `.npy` array, or an `.npz` archive (stored or deflated).
    ///
    /// The first bytes decide which of them it is; the name counts where they say nothing.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened, is a pickle (`.pt`, `.pth`, `.bin`, `.ckpt`, `.pkl`: the
    /// message has the conversion to safetensors) or another format, or where its header does not
    /// describe exactly the bytes that are there. No sequence of bytes makes it panic.
    pub fn open(path: impl AsRef<Path>, limits: &ReadLimits) -> Result<Self, IoError> {
        let path = path.as_ref();
        Self::new(path, &Source::open(path)?, limits, sharded::open)
    }

    /// Opens the content of a file that is in memory; `path` is its name in messages, and decides
    /// like the name of a file.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); an index is refused, as the files that it names are not there.
    pub fn from_bytes(
        path: impl AsRef<Path>,
        bytes: Vec<u8>,
        limits: &ReadLimits,
    ) -> Result<Self, IoError> {
        let no_shards = |path: &Path, _: &Source| {
            let found = "it is an index of other files, which are read from a folder only";
            Err(IoError::UnknownFormat {
                path: path.to_owned(),
                found: found.to_owned(),
            })
        };
        Self::new(path.as_ref(), &Source::from_bytes(bytes), limits, no_shards)
    }

    fn new(
        path: &Path,
        source: &Source,
        limits: &ReadLimits,
        open_index: impl FnOnce(
            &Path,
            &Source,
        ) -> Result<(BTreeMap<String, String>, Vec<Entry>), IoError>,
    ) -> Result<Self, IoError> {
        let head = source
            .head(format::HEAD_BYTES)
            .map_err(|e| IoError::system("read", path, e))?;
        let (metadata, entries) = match format::detect(path, &head, source.len())? {
            Format::Safetensors => safetensors::open(path, source)?,
            Format::Index => open_index(path, source)?,
            Format::Npy => (BTreeMap::new(), vec![open_npy(path, source)?]),
            Format::Npz => (BTreeMap::new(), npz::open(path, source)?),
        };
        let tensors = entries.iter().map(|entry| entry.info.clone()).collect();
        Ok(Self {
            path: path.to_owned(),
            metadata,
            tensors,
            entries,
            limits: *limits,
        })
    }

    /// The path that it was opened with.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tensors in the order of the file: of their bytes in safetensors, of the directory in
    /// npz, and for an index file after file by name. Tensors that cannot be read are included.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The `__metadata__` of a safetensors file, or the `metadata` of an index with what is no
    /// string as JSON text; empty for NumPy's formats, which have none.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The only two-dimensional tensor of floating-point numbers.
    ///
    /// # Errors
    ///
    /// [`IoError::NoMatrix`] and [`IoError::ManyMatrices`] list what there is instead;
    /// [`IoError::NeedsSlice`] where the only candidate is a stack of matrices.
    pub fn sole_matrix(&self) -> Result<&TensorInfo, IoError> {
        self.sole(2)
    }

    /// Reads all values of a tensor.
    ///
    /// Costs the tensor's memory and one pass over its bytes; twice the memory where it is stored
    /// in Fortran order. NaN and infinities are values like others.
    ///
    /// # Errors
    ///
    /// [`IoError::UnknownTensor`] with near names, [`IoError::UnsupportedDtype`],
    /// [`IoError::TooLarge`], and [`IoError::System`] or [`IoError::Malformed`] where the bytes
    /// cannot be read or contradict their checksum.
    pub fn read(&self, name: &str) -> Result<Tensor, IoError> {
        let entry = self.entry(name)?;
        let n = n_elements(&entry.info.shape).unwrap_or(u64::MAX);
        let values = self.read_elements(entry, 0, n)?;
        Ok(Tensor {
            info: entry.info.clone(),
            values,
        })
    }

    /// Reads a matrix: the named tensor, or without a name the only one that can be meant; of a
    /// three-dimensional tensor the `slice`, 0-based along the first dimension.
    ///
    /// Without a name and with a slice, the only three-dimensional tensor is meant. A slice costs
    /// its own memory, except in Fortran order and in npz, where the whole tensor is gone through.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read) and [`sole_matrix`](Self::sole_matrix), and
    /// [`IoError::NotAMatrix`], [`IoError::NeedsSlice`], [`IoError::NoSuchSlice`],
    /// [`IoError::EmptyMatrix`] by the shape.
    pub fn read_matrix(&self, name: Option<&str>, slice: Option<usize>) -> Result<Matrix, IoError> {
        self.matrix(name, slice)?.read()
    }

    /// Finds a matrix as [`read_matrix`](Self::read_matrix) does, and reads nothing of it yet.
    ///
    /// # Errors
    ///
    /// Those of [`read_matrix`](Self::read_matrix) that are about names and shapes.
    pub fn matrix(
        &self,
        name: Option<&str>,
        slice: Option<usize>,
    ) -> Result<StoredMatrix<'_>, IoError> {
        let name = match (name, slice) {
            (Some(name), _) => name,
            (None, None) => &self.sole(2)?.name,
            (None, Some(_)) => &self.sole(3)?.name,
        };
        StoredMatrix::new(self, self.entry(name)?, slice)
    }

    pub(crate) fn is_npz(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(entry.place, Place::Member(_)))
    }

    /// The only readable tensor with this number of dimensions.
    fn sole(&self, n_dimensions: usize) -> Result<&TensorInfo, IoError> {
        let with = |n: usize| {
            self.tensors
                .iter()
                .filter(move |t| t.is_readable() && t.shape.len() == n)
        };
        let candidates: Vec<&TensorInfo> = with(n_dimensions).collect();
        let path = self.path.clone();
        match candidates.as_slice() {
            [only] => Ok(only),
            [] => match with(3).collect::<Vec<_>>().as_slice() {
                [stack] => Err(IoError::NeedsSlice {
                    path,
                    tensor: stack.name.clone(),
                    shape: stack.shape.clone(),
                }),
                _ => Err(IoError::NoMatrix {
                    path,
                    tensors: self.tensors.clone(),
                }),
            },
            many => Err(IoError::ManyMatrices {
                path,
                matrices: many.iter().map(|&info| info.clone()).collect(),
            }),
        }
    }

    fn entry(&self, name: &str) -> Result<&Entry, IoError> {
        self.entries
            .iter()
            .find(|entry| entry.info.name == name)
            .ok_or_else(|| {
                let near = near_names(name, &self.tensors);
                let others = self.tensors.len() - near.len();
                IoError::UnknownTensor {
                    path: self.path.clone(),
                    name: name.to_owned(),
                    near,
                    others,
                }
            })
    }

    pub(crate) fn element(&self, entry: &Entry) -> Result<Element, IoError> {
        entry.element.ok_or_else(|| IoError::UnsupportedDtype {
            path: self.path.clone(),
            tensor: entry.info.name.clone(),
            dtype: entry.info.dtype.clone(),
        })
    }

    pub(crate) fn read_elements(
        &self,
        entry: &Entry,
        first: u64,
        n: u64,
    ) -> Result<crate::Values, IoError> {
        let element = self.element(entry)?;
        // Fortran order is read whole, whatever was asked for.
        let n_in_memory = if entry.layout.fortran {
            n_elements(&entry.info.shape).unwrap_or(u64::MAX)
        } else {
            n
        };
        let bytes = n_in_memory.saturating_mul(element.n_bytes_decoded());
        let too_large = || IoError::TooLarge {
            path: self.path.clone(),
            tensor: entry.info.name.clone(),
            bytes,
            limit: self.limits.max_bytes,
        };
        if bytes > self.limits.max_bytes {
            return Err(too_large());
        }
        let n = usize::try_from(n).map_err(|_| too_large())?;
        entry
            .read(element, first, n)
            .map_err(|e| self.reading_failed(entry, e))
    }

    pub(crate) fn reading_failed(&self, entry: &Entry, error: io::Error) -> IoError {
        let format = match entry.place {
            Place::Bytes { .. } => return IoError::system("read", &self.path, error),
            Place::Member(_) => "npz",
        };
        match error.kind() {
            io::ErrorKind::OutOfMemory => IoError::system("read", &self.path, error),
            // The archive's own complaints: a wrong checksum, a stream that is no deflate stream.
            _ => IoError::malformed(
                &self.path,
                format,
                format!(
                    "member `{}` is damaged: {error}",
                    crate::error::shown(&entry.info.name)
                ),
            ),
        }
    }
}

fn open_npy(path: &Path, source: &Source) -> Result<Entry, IoError> {
    let header = npy::read_header(&mut source.reader_at(0), path, "npy", "")?;
    if let Some(n_data_bytes) = header.n_data_bytes {
        let (expected, actual) = (header.data_start.saturating_add(n_data_bytes), source.len());
        if actual < expected {
            return Err(IoError::Truncated {
                path: path.to_owned(),
                expected,
                actual,
            });
        }
        if actual > expected {
            let reason = format!(
                "shape {:?} and dtype {} end at byte {expected}, the file has {actual}",
                header.shape, header.dtype
            );
            return Err(IoError::malformed(path, "npy", reason));
        }
    }
    let name = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    Ok(Entry {
        info: TensorInfo {
            name,
            shape: header.shape,
            dtype: header.dtype,
        },
        element: header.element,
        layout: header.layout,
        place: Place::Bytes {
            source: source.clone(),
            offset: header.data_start,
        },
    })
}
