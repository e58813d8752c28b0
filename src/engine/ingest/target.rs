//! The folder that is written. Until all is done, everything lies in a hidden folder below it, so that a half-written
//! data set is never read as whole.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};

use super::progress::{Identity, PartFile, Progress, TableProgress};
use crate::engine::files::find;
use crate::engine::files::place::FilePlace;
use crate::error::unreadable;
use crate::{Error, Result};

const MANIFEST: &str = "ingest.json";
const HIDDEN: &str = ".ingest";

/// A folder that this process, and no other, writes.
#[derive(Debug)]
pub struct Target {
    root: PathBuf,
    hidden: PathBuf,
    /// Held open: it is the lock.
    _lock: Option<File>,
}

impl Target {
    /// Takes the folder `root`, which is new, empty or was begun by an earlier call.
    pub fn claim(source: &FilePlace, root: &Path) -> Result<Self> {
        if let FilePlace::Disk(source) = source {
            refuse_overlap(source, root)?;
        }
        fs::create_dir_all(root).map_err(|e| unreadable(root, e))?;
        let (hidden, manifest) = (root.join(HIDDEN), root.join(MANIFEST));
        let occupied = fs::read_dir(root).map_err(|e| unreadable(root, e))?.next().is_some();
        if occupied && !hidden.is_dir() && !manifest.is_file() {
            return Err(unreadable(
                root,
                "it is not empty, and footfall ingest did not begin it; choose another folder",
            ));
        }
        let complete = manifest.is_file() && !hidden.is_dir();
        let lock = if complete { None } else { Some(locked(&hidden)?) };
        Ok(Self { root: root.into(), hidden, _lock: lock })
    }

    /// The manifest, if all is done.
    pub fn manifest(&self) -> Result<Option<Progress>> {
        let done = Progress::read(&self.root.join(MANIFEST))?;
        if done.is_some() {
            self.clean()?;
        }
        Ok(done)
    }

    /// The progress of an earlier call of the same.
    pub fn resume(&self, asked: &Identity) -> Result<Progress> {
        let progress = match Progress::read(&self.hidden.join(MANIFEST))? {
            Some(begun) => begun,
            None => Progress::new(asked.clone()),
        };
        progress.identity.must_be(asked, &self.root)?;
        self.save(&progress)?;
        Ok(progress)
    }

    /// Removes parts of the table `name` that an earlier call had not finished.
    pub fn keep_only(&self, name: &str, table: &TableProgress) -> Result<()> {
        let known: BTreeSet<&str> = table.parts.iter().map(|part| part.path.as_str()).collect();
        for path in parts_below(&self.hidden.join(name))? {
            if !known.contains(below(&self.hidden, &path).as_str()) {
                fs::remove_file(&path).map_err(|e| unreadable(&path, e))?;
            }
        }
        Ok(())
    }

    /// Where a part is written, its folder made.
    pub fn part(&self, path: &str) -> Result<PathBuf> {
        let path = self.hidden.join(path);
        let folder = path.parent().unwrap_or(&self.hidden);
        fs::create_dir_all(folder).map_err(|e| unreadable(folder, e))?;
        Ok(path)
    }

    /// Notes what is done.
    pub fn save(&self, progress: &Progress) -> Result<()> {
        progress.write(&self.hidden.join(MANIFEST))
    }

    /// Shows the tables, counts their rows and writes the manifest, last.
    pub fn complete(&self, progress: &Progress) -> Result<()> {
        progress.must_add_up()?;
        for name in progress.tables.keys() {
            let (from, to) = (self.hidden.join(name), self.root.join(name));
            if from.exists() {
                fs::rename(&from, &to).map_err(|e| unreadable(&to, e))?;
            }
        }
        self.verify(progress)?;
        progress.write(&self.root.join(MANIFEST))?;
        self.clean()
    }

    /// Reads the footers back: the parts are those of `progress`, and so are their rows.
    pub fn verify(&self, progress: &Progress) -> Result<()> {
        for (name, table) in &progress.tables {
            let folder = self.root.join(name);
            let found = parts_below(&folder)?.iter().map(|path| self.counted(path)).collect::<Result<Vec<_>>>()?;
            let mut known = table.parts.clone();
            known.sort_by(|a, b| Path::new(&a.path).cmp(Path::new(&b.path)));
            if found != known {
                return Err(unreadable(
                    &folder,
                    "its files are not those that were written; remove all, and begin again",
                ));
            }
        }
        Ok(())
    }

    fn counted(&self, path: &Path) -> Result<PartFile> {
        let file = File::open(path).map_err(|e| unreadable(path, e))?;
        let reader = SerializedFileReader::new(file).map_err(|e| unreadable(path, e))?;
        let rows = reader.metadata().file_metadata().num_rows() as u64;
        Ok(PartFile { path: below(&self.root, path), rows })
    }

    fn clean(&self) -> Result<()> {
        match self.hidden.exists() {
            true => fs::remove_dir_all(&self.hidden).map_err(|e| unreadable(&self.hidden, e)),
            false => Ok(()),
        }
    }
}

/// The lock of a folder; the system frees it with the process.
fn locked(hidden: &Path) -> Result<File> {
    if hidden.is_symlink() {
        return Err(unreadable(hidden, "this is a link, which is not written through"));
    }
    fs::create_dir_all(hidden).map_err(|e| unreadable(hidden, e))?;
    let path = hidden.join("lock");
    let file = File::create(&path).map_err(|e| unreadable(&path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(unreadable(hidden, "another process is writing this")),
        // A file system without locks: nobody can tell, and nothing is lost in the usual case of one writer.
        Err(TryLockError::Error(_)) => Ok(file),
    }
}

fn refuse_overlap(source: &Path, root: &Path) -> Result<()> {
    let (source, root) = (resolved(source)?, resolved(root)?);
    match root.starts_with(&source) || source.starts_with(&root) {
        true => Err(Error::Definition {
            name: "dst".into(),
            value: root.display().to_string(),
            reason: "must lie outside of the source, and the source outside of it".into(),
        }),
        false => Ok(()),
    }
}

/// The path without links, whether it is there or not.
fn resolved(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).map_err(|e| unreadable(path, e))?;
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(real), ..) => Ok(real),
        (Err(_), Some(parent), Some(name)) => Ok(resolved(parent)?.join(name)),
        (Err(error), ..) => Err(unreadable(&path, error)),
    }
}

/// The files below a folder, in order; `None` if it is not there.
fn parts_below(folder: &Path) -> Result<Vec<PathBuf>> {
    match folder.is_dir() {
        true => find::below(folder),
        false => Ok(vec![]),
    }
}

fn below(root: &Path, path: &Path) -> String {
    let names = path.strip_prefix(root).unwrap_or(path).iter().map(|name| name.to_string_lossy().into_owned());
    names.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("footfall-target-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn claimed(source: &Path, root: &Path) -> Result<Target> {
        Target::claim(&FilePlace::Disk(source.into()), root)
    }

    #[test]
    fn source_and_target_lie_apart() {
        let source = folder("apart");
        for inside in [source.clone(), source.join("new/er")] {
            assert!(matches!(claimed(&source, &inside), Err(Error::Definition { .. })), "{inside:?}");
        }
        assert!(claimed(&source, &source.join("new/../x")).is_err(), "where `..` leads from nowhere is unknown");
        assert!(matches!(claimed(&source.join("pings"), &source), Err(Error::Definition { .. })));
        assert!(fs::read_dir(&source).unwrap().next().is_none());
        fs::remove_dir_all(source).unwrap();
    }

    #[test]
    fn a_folder_is_claimed_once_and_not_from_others() {
        let (source, root) = (folder("source"), folder("root"));
        let ours = claimed(&source, &root).unwrap();
        assert!(claimed(&source, &root).unwrap_err().to_string().contains("another process"));
        drop(ours);
        assert!(claimed(&source, &root).is_ok());
        fs::remove_dir_all(root.join(HIDDEN)).unwrap();
        fs::write(root.join("letter.txt"), "mine").unwrap();
        assert!(claimed(&source, &root).unwrap_err().to_string().contains("not empty"));
        fs::remove_dir_all(source).unwrap();
        fs::remove_dir_all(root).unwrap();
    }
}
