//! Files that are either there whole or not at all, and folders for results.

use std::fs;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::IoError;

/// What to do about something that exists where something is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// Leave it as it is and return an error.
    #[default]
    Refuse,
    /// Replace it.
    Replace,
}

/// Writes a file so that a reader, or whoever looks after a crash, finds the old content or the
/// new one, never a part.
///
/// The bytes go to a temporary file in the same folder, which is synchronized to the disk and then
/// renamed; the folder is synchronized too. With [`Overwrite::Refuse`] the renaming itself refuses
/// to replace, so of two concurrent writers one gets the error. The permissions are those of any
/// new file. A symbolic link is replaced, not followed. On an error the temporary file is removed.
///
/// ```
/// use superposition_io::{IoError, Overwrite, write_atomic};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("report.txt");
/// write_atomic(&path, b"first", Overwrite::Refuse)?;
/// let refused = write_atomic(&path, b"second", Overwrite::Refuse);
/// assert!(matches!(refused, Err(IoError::Exists { .. })));
/// write_atomic(&path, b"third", Overwrite::Replace)?;
/// assert_eq!(std::fs::read(&path)?, b"third");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`IoError::Exists`] where there is something and `overwrite` refuses, [`IoError::IsDirectory`]
/// where there is a folder, [`IoError::System`] where the folder is missing or cannot be written.
pub fn write_atomic(
    path: impl AsRef<Path>,
    bytes: &[u8],
    overwrite: Overwrite,
) -> Result<(), IoError> {
    write_atomic_with(path.as_ref(), overwrite, |file| file.write_all(bytes))
}

/// [`write_atomic`] with the bytes produced piece by piece.
pub(crate) fn write_atomic_with(
    path: &Path,
    overwrite: Overwrite,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), IoError> {
    let system = |action| move |source| IoError::system(action, path, source);
    check_target(path, overwrite)?;
    let folder = parent(path);
    let mut file =
        new_temporary(folder).map_err(|e| IoError::system("create a file in", folder, e))?;
    let mut buffered = BufWriter::with_capacity(1 << 18, file.as_file_mut());
    write(&mut buffered)
        .and_then(|()| buffered.flush())
        .map_err(system("write"))?;
    drop(buffered);
    file.as_file().sync_all().map_err(system("write"))?;
    match overwrite {
        Overwrite::Refuse => file.persist_noclobber(path),
        Overwrite::Replace => file.persist(path),
    }
    .map_err(|e| match e.error.kind() {
        ErrorKind::AlreadyExists => IoError::Exists {
            path: path.to_owned(),
        },
        _ => IoError::system("create", path, e.error),
    })?;
    sync_folder(folder).map_err(system("synchronize"))
}

/// Makes sure that there is a folder for results: creates it with its parents, or accepts an empty
/// one, or with [`Overwrite::Replace`] any. Nothing in it is removed; what is written there later
/// replaces what has the same name. That files can be created in it is tried before the caller
/// spends an hour on what to put there.
///
/// ```
/// use superposition_io::{Overwrite, prepare_directory};
/// # let folder = tempfile::tempdir()?;
/// let results = folder.path().join("runs/first");
/// prepare_directory(&results, Overwrite::Refuse)?;
/// prepare_directory(&results, Overwrite::Refuse)?; // still empty
/// std::fs::write(results.join("report.txt"), "...")?;
/// assert!(prepare_directory(&results, Overwrite::Refuse).is_err());
/// prepare_directory(&results, Overwrite::Replace)?;
/// assert!(results.join("report.txt").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`IoError::NotADirectory`] where it is a file, [`IoError::NotEmpty`] where it holds something
/// and `overwrite` refuses, [`IoError::System`] where it cannot be created or written.
pub fn prepare_directory(path: impl AsRef<Path>, overwrite: Overwrite) -> Result<(), IoError> {
    let path = path.as_ref();
    check_not_empty(path)?;
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => {
            return Err(IoError::NotADirectory {
                path: path.to_owned(),
            });
        }
        Ok(_) => {
            let mut entries = fs::read_dir(path).map_err(|e| IoError::system("list", path, e))?;
            if overwrite == Overwrite::Refuse
                && let Some(entry) = entries.next()
            {
                let entry = entry.map_err(|e| IoError::system("list", path, e))?;
                let entry = entry.file_name().to_string_lossy().into_owned();
                return Err(IoError::NotEmpty {
                    path: path.to_owned(),
                    entry,
                });
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(path).map_err(|e| IoError::system("create", path, e))?;
        }
        Err(error) => return Err(IoError::system("open", path, error)),
    }
    // Dropping it removes it.
    new_temporary(path)
        .map(drop)
        .map_err(|e| IoError::system("create a file in", path, e))
}

/// Looks, before hours are spent on what to write there, whether [`write_atomic`] would take this
/// path: whether something exists and `overwrite` refuses, whether the folder is there and files can
/// be created in it. Nothing is left behind. Writing looks again.
///
/// ```
/// use superposition_io::{Overwrite, check_writable};
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("model.safetensors");
/// check_writable(&path, Overwrite::Refuse)?;
/// assert!(!path.exists());
/// std::fs::write(&path, "...")?;
/// assert!(check_writable(&path, Overwrite::Refuse).is_err());
/// check_writable(&path, Overwrite::Replace)?;
/// assert!(check_writable(folder.path().join("missing/model"), Overwrite::Refuse).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`write_atomic`].
pub fn check_writable(path: impl AsRef<Path>, overwrite: Overwrite) -> Result<(), IoError> {
    let path = path.as_ref();
    check_target(path, overwrite)?;
    let folder = parent(path);
    // Dropping it removes it.
    new_temporary(folder)
        .map(drop)
        .map_err(|e| IoError::system("create a file in", folder, e))
}

/// Refuses early, before anything is written; the renaming refuses again.
fn check_target(path: &Path, overwrite: Overwrite) -> Result<(), IoError> {
    check_not_empty(path)?;
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(IoError::IsDirectory {
            path: path.to_owned(),
            inside: None,
        }),
        Ok(_) if overwrite == Overwrite::Refuse => Err(IoError::Exists {
            path: path.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// An empty path would be taken for the current folder in places.
fn check_not_empty(path: &Path) -> Result<(), IoError> {
    if path.as_os_str().is_empty() {
        let reason = "the path is empty".to_owned();
        return Err(IoError::CannotWrite {
            path: path.to_owned(),
            reason,
        });
    }
    Ok(())
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn new_temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".superposition-").suffix(".tmp");
    // Temporary files are private by default, results should be as any new file: the process's
    // umask takes away what it always does.
    #[cfg(unix)]
    let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(mode);
    builder.tempfile_in(folder)
}

/// Makes the renaming survive a power cut, where the system can.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match fs::File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(e)
            if matches!(
                e.kind(),
                ErrorKind::PermissionDenied | ErrorKind::InvalidInput | ErrorKind::Unsupported
            ) =>
        {
            // Not every file system can, and a folder may be writable but not readable. The file
            // itself is complete.
            Ok(())
        }
        result => result,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_while_writing_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write_atomic(&path, b"old", Overwrite::Refuse).unwrap();
        let error = write_atomic_with(&path, Overwrite::Replace, |file| {
            file.write_all(&[0; 1 << 20])?;
            Err(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert!(error.to_string().contains("cannot write"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_appears_while_writing_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let error = write_atomic_with(&path, Overwrite::Refuse, |file| {
            fs::write(&path, b"theirs")?;
            file.write_all(b"ours")
        })
        .unwrap_err();
        assert!(matches!(error, IoError::Exists { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_bare_name_lies_in_the_current_folder() {
        assert_eq!(parent(Path::new("x")), Path::new("."));
        assert_eq!(parent(Path::new("a/x")), Path::new("a"));
    }
}
