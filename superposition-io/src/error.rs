//! One error for the whole crate. Each message names the file, the value that is wrong and what
//! would be right.

use std::fmt::{self, Display};
use std::io;
use std::path::{Path, PathBuf};

use crate::dictionary::DictionaryFormat;
use crate::tensor::TensorInfo;

/// Everything that can go wrong between a path and its numbers.
///
/// The messages are written for the person who typed the path. They name the file, the value that
/// is wrong and what would be right. Names taken from files are shown with control characters
/// escaped and cut at 120 characters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IoError {
    /// The operating system refused: no such file, no permission, no space.
    #[error("cannot {action} {}: {source}", path.display())]
    System {
        /// What was attempted: `open`, `read`, `create`, ...
        action: &'static str,
        /// The file or folder it was attempted on.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A folder was given where a file was expected.
    #[error("{} is a folder, not a file{}", path.display(), did_you_mean(inside.as_deref()))]
    IsDirectory {
        /// The folder.
        path: PathBuf,
        /// A readable file in it, where it holds one under a usual name.
        inside: Option<PathBuf>,
    },
    /// A device, socket or pipe was given where a file was expected.
    #[error("{} is not a regular file: tensors are read at positions, so copy it to a file first", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is a pickle, which is a program rather than data; the message has the conversion.
    #[error(
        "{} is a PyTorch or Python pickle, which can run code when it is loaded and is not read here; convert it once, in Python:\n{}",
        path.display(),
        conversion(path)
    )]
    Pickle {
        /// The file.
        path: PathBuf,
    },
    /// The file is in none of the formats that this crate reads.
    #[error(
        "{} is in no format that is read here: {found}; expected .safetensors, model.safetensors.index.json, .npy or .npz",
        path.display()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: String,
    },
    /// The file contradicts its format or itself.
    #[error("{} is not a valid {format} file: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// `safetensors`, `safetensors index`, `npy` or `npz`.
        format: &'static str,
        /// What is wrong, with the values.
        reason: String,
    },
    /// The file ends before its last tensor does.
    #[error(
        "{} is truncated: its header describes {expected} bytes, but it has {actual}; copy or download it again",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Length in bytes that the file must have.
        expected: u64,
        /// Length in bytes that it has.
        actual: u64,
    },
    /// A tensor is larger than [`ReadLimits`](crate::ReadLimits) allows.
    #[error(
        "tensor `{}` of {} takes {bytes} bytes in memory, above the limit of {limit}; raise the limit to read it",
        shown(tensor),
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Bytes that its values take after decoding.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A tensor holds something else than the floating-point numbers that are read.
    #[error(
        "tensor `{}` of {} has dtype {}; F64, F32, F16 and BF16 are read",
        shown(tensor),
        path.display(),
        shown(dtype)
    )]
    UnsupportedDtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its type, in the words of the file.
        dtype: String,
    },
    /// No tensor of the file has the name that was asked for.
    #[error("no tensor `{}` in {}{}", shown(name), path.display(), near_names(near, *others))]
    UnknownTensor {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        name: String,
        /// At most five names of the file, the most similar first.
        near: Vec<String>,
        /// How many tensors the file holds beside those.
        others: usize,
    },
    /// No tensor was named and the file holds none that could be meant.
    #[error("{} holds no matrix of floating-point numbers: {}", path.display(), list(tensors))]
    NoMatrix {
        /// The file.
        path: PathBuf,
        /// What it holds instead.
        tensors: Vec<TensorInfo>,
    },
    /// No tensor was named and the file holds several that could be meant.
    #[error("{} holds several matrices, name one of them: {}", path.display(), list(matrices))]
    ManyMatrices {
        /// The file.
        path: PathBuf,
        /// The candidates.
        matrices: Vec<TensorInfo>,
    },
    /// A tensor that is not two-dimensional was asked for as a matrix.
    #[error(
        "tensor `{}` of {} has shape {shape:?}, which is not a matrix: two dimensions are needed, or three and a slice",
        shown(tensor),
        path.display()
    )]
    NotAMatrix {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A three-dimensional tensor was asked for as a matrix without saying which.
    #[error(
        "tensor `{}` of {} has shape {shape:?}, a stack of {} matrices: use slice 0..{}",
        shown(tensor),
        path.display(),
        first(shape),
        first(shape)
    )]
    NeedsSlice {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A slice was asked for that the tensor does not have.
    #[error(
        "no slice {slice} in tensor `{}` of {} with shape {shape:?}: {}",
        shown(tensor),
        path.display(),
        slices_of(shape)
    )]
    NoSuchSlice {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The slice that was asked for.
        slice: usize,
    },
    /// A matrix without elements was asked for.
    #[error(
        "tensor `{}` of {} has shape {shape:?} and so no element: a matrix needs at least one row and one column",
        shown(tensor),
        path.display()
    )]
    EmptyMatrix {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Rows of `F64` were to be read into `f32`.
    #[error(
        "tensor `{}` of {} has dtype F64, which f32 does not hold: read its rows into f64",
        shown(tensor),
        path.display()
    )]
    WouldRound {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// Rows were asked for of a stack of matrices in Fortran order.
    #[error(
        "tensor `{}` of {} with shape {shape:?} is in Fortran order, in which no rows of a slice lie together: read the slice as a whole, or save the array in C order",
        shown(tensor),
        path.display()
    )]
    FortranStack {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// The names of the tensors are those of several programs' dictionaries.
    #[error("{} is a dictionary of a format that cannot be told: {reason}", path.display())]
    AmbiguousDictionary {
        /// The file.
        path: PathBuf,
        /// What it could be, and what to say.
        reason: String,
    },
    /// A file is not in the format that its names or the caller say.
    #[error("{} is not laid out as {format}: {reason}", path.display())]
    NotInFormat {
        /// The file.
        path: PathBuf,
        /// The format.
        format: DictionaryFormat,
        /// What is wrong, with the values.
        reason: String,
    },
    /// A folder holds several files that could be the dictionary.
    #[error("{} holds several dictionaries, name one of them: {}", path.display(), files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", "))]
    ManyDictionaries {
        /// The folder.
        path: PathBuf,
        /// The files.
        files: Vec<PathBuf>,
    },
    /// The tensors to be written do not make a file, or the path is empty.
    #[error("cannot write \"{}\": {reason}", path.display())]
    CannotWrite {
        /// The file that was to be written.
        path: PathBuf,
        /// What is wrong, with the values.
        reason: String,
    },
    /// A file exists where one is to be written, and replacing it was not asked for.
    #[error("{} exists already and is not overwritten unless asked", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A folder for results exists and is not empty, and reusing it was not asked for.
    #[error("the folder {} is not empty (it holds {}) and nothing in it is overwritten unless asked", path.display(), shown(entry))]
    NotEmpty {
        /// The folder.
        path: PathBuf,
        /// The name of one thing in it.
        entry: String,
    },
    /// A file stands where a folder is needed.
    #[error("{} is a file, but a folder is needed there", path.display())]
    NotADirectory {
        /// The path of the file.
        path: PathBuf,
    },
}

impl IoError {
    pub(crate) fn system(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::System {
            action,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn malformed(path: &Path, format: &'static str, reason: impl Into<String>) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            format,
            reason: reason.into(),
        }
    }
}

const MOST_CHARACTERS: usize = 120;
const MOST_LISTED: usize = 20;

/// A name from a file, safe to print: control characters escaped, cut when long.
pub(crate) fn shown(name: &str) -> impl Display + '_ {
    struct Shown<'a>(&'a str);
    impl Display for Shown<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let mut characters = self.0.chars();
            for character in characters.by_ref().take(MOST_CHARACTERS) {
                if character.is_control() {
                    write!(f, "{}", character.escape_default())?;
                } else {
                    write!(f, "{character}")?;
                }
            }
            if characters.next().is_some() {
                write!(f, "...")
            } else {
                Ok(())
            }
        }
    }
    Shown(name)
}

/// The complaint of a parser, which may quote a long string of the file, cut in the middle.
pub(crate) fn cut(complaint: &dyn Display) -> String {
    let text: Vec<char> = complaint.to_string().chars().collect();
    if text.len() <= 2 * MOST_CHARACTERS {
        return text.into_iter().collect();
    }
    let (start, end) = (
        &text[..MOST_CHARACTERS],
        &text[text.len() - MOST_CHARACTERS..],
    );
    format!(
        "{}...{}",
        start.iter().collect::<String>(),
        end.iter().collect::<String>()
    )
}

fn did_you_mean(inside: Option<&Path>) -> String {
    inside.map_or_else(String::new, |file| {
        format!("; did you mean {}?", file.display())
    })
}

fn conversion(path: &Path) -> String {
    // Python and Rust agree on the quoting of every name that a sane file has.
    let from = path.display().to_string();
    let to = path.with_extension("safetensors").display().to_string();
    format!(
        "  import torch, safetensors.torch\n  \
         safetensors.torch.save_file({{k: v.clone().contiguous() for k, v in torch.load({from:?}, map_location=\"cpu\", weights_only=True).items()}}, {to:?})"
    )
}

fn near_names(near: &[String], others: usize) -> String {
    if near.is_empty() {
        return ", which holds no tensors".to_owned();
    }
    let names: Vec<String> = near
        .iter()
        .map(|name| format!("`{}`", shown(name)))
        .collect();
    let rest = match others {
        0 => String::new(),
        1 => " and 1 other".to_owned(),
        n => format!(" and {n} others"),
    };
    format!("; there is {}{rest}", names.join(", "))
}

fn list(tensors: &[TensorInfo]) -> String {
    if tensors.is_empty() {
        return "it holds no tensors".to_owned();
    }
    let mut text: Vec<String> = tensors
        .iter()
        .take(MOST_LISTED)
        .map(|t| format!("`{}` {} {:?}", shown(&t.name), shown(&t.dtype), t.shape))
        .collect();
    if tensors.len() > MOST_LISTED {
        text.push(format!("and {} others", tensors.len() - MOST_LISTED));
    }
    text.join(", ")
}

fn first(shape: &[usize]) -> usize {
    shape.first().copied().unwrap_or(0)
}

fn slices_of(shape: &[usize]) -> String {
    match shape {
        [0, _, _] => "it has no slices".to_owned(),
        [n, _, _] => format!("slices are 0..{n}"),
        [_, _] => "it is one matrix, leave the slice out".to_owned(),
        _ => "slices are of tensors with three dimensions".to_owned(),
    }
}
