//! Files that are written whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// A new file beside its place, which it takes when it is complete; if it is dropped before, it is removed.
#[derive(Debug)]
pub struct WholeFile {
    place: PathBuf,
    beside: PathBuf,
}

impl WholeFile {
    /// Creates the file; a link at its place is an error, since it is neither written through nor replaced.
    pub fn create(place: &Path) -> Result<(Self, File)> {
        if let Ok(to) = fs::read_link(place) {
            let reason = format!("this is a link to {}, which is not written through", to.display());
            return Err(Error::new(ErrorKind::InvalidInput, reason));
        }
        let beside = beside(place);
        remove(&beside)?;
        let file = File::create_new(&beside)?;
        Ok((Self { place: place.into(), beside }, file))
    }

    /// Puts the file on disk and in its place.
    pub fn complete(self, file: &File) -> Result<()> {
        file.sync_all()?;
        fs::rename(&self.beside, &self.place)?;
        sync_folder(&self.place);
        Ok(())
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        // Nothing is there once the file is complete, and nobody hears of an error here.
        let _ = remove(&self.beside);
    }
}

/// Writes all of a file.
pub fn write(place: &Path, content: &[u8]) -> Result<()> {
    let (whole, mut file) = WholeFile::create(place)?;
    std::io::Write::write_all(&mut file, content)?;
    whole.complete(&file)
}

/// A hidden name, which no reader takes for a table.
fn beside(place: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(place.file_name().unwrap_or_default());
    name.push(".new");
    place.with_file_name(name)
}

/// Removes what an earlier process left; a link, and not what it leads to.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Puts the new name on disk; where folders cannot be synced, the system does it in its time.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("footfall-whole-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_was_there_stays_until_the_new_file_is_complete() {
        let folder = folder("stays");
        let place = folder.join("truth.json");
        write(&place, b"old").unwrap();
        let (whole, mut file) = WholeFile::create(&place).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"old");
        drop(whole);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        write(&place, b"new").unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"new");
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_written_through() {
        let folder = folder("links");
        let (other, link, place) = (folder.join("other"), folder.join("link"), folder.join("place"));
        fs::write(&other, "mine").unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert!(write(&link, b"yours").unwrap_err().to_string().contains("link to"));
        std::os::unix::fs::symlink(&other, beside(&place)).unwrap();
        write(&place, b"yours").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "mine");
        fs::remove_dir_all(folder).unwrap();
    }
}
