//! Parts of files, so that many workers can read one large file: a Parquet file falls apart into its row groups.

use std::fs::File;
use std::ops::{Range, RangeInclusive};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use ::parquet::file::metadata::RowGroupMetaData;

use crate::Result;
use crate::engine::files::file::TableFile;
use crate::engine::files::find::is_parquet;
use crate::engine::files::place::FilePlace;
use crate::engine::files::s3::object::S3Object;
use crate::engine::parquet::{self, quietly};

/// A file or, of a Parquet file, the row groups that begin within these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// The file.
    pub file: TableFile,
    /// All of it if none.
    pub bytes: Option<Range<u64>>,
}

/// Where a row group begins in its file, for DataFusion's scan and for ours.
pub fn start_of(group: &RowGroupMetaData) -> i64 {
    group.columns().first().map_or(0, parquet::start_of)
}

/// Smaller pieces take longer to hand out than to read; larger ones leave workers idle at the end.
const PIECE_BYTES: RangeInclusive<u64> = 1 << 20..=128 << 20;

/// The `files` in about as many pieces as `wanted`: small files together, large Parquet files cut between row groups.
pub fn pieces(files: &[&TableFile], wanted: u64) -> Result<Vec<Vec<Slice>>> {
    let bytes = files.iter().map(|file| file.stamp.bytes).sum::<u64>() / wanted.max(1);
    let bytes = bytes.clamp(*PIECE_BYTES.start(), *PIECE_BYTES.end());
    let mut pieces: Vec<Vec<Slice>> = vec![];
    let mut room = 0;
    for file in files {
        for (slice, size) in slices(file, bytes)? {
            match pieces.last_mut() {
                Some(piece) if size <= room => piece.push(slice),
                _ => {
                    pieces.push(vec![slice]);
                    room = bytes;
                }
            }
            room = room.saturating_sub(size);
        }
    }
    Ok(pieces)
}

/// The slices of a file, none much larger than `bytes` if row groups are not, with their sizes.
fn slices(file: &TableFile, bytes: u64) -> Result<Vec<(Slice, u64)>> {
    let size = file.stamp.bytes;
    let whole = vec![(Slice { file: file.clone(), bytes: None }, size)];
    if size <= bytes || !is_parquet(&file.place) {
        return Ok(whole);
    }
    file.must_be_unchanged()?;
    let footer = footer(file)?;
    let starts: Vec<_> = footer.metadata().row_groups().iter().map(|group| start_of(group).unsigned_abs()).collect();
    let cuts = cuts(&starts, size, size.div_ceil(bytes));
    let slice = |ends: &[u64]| (Slice { file: file.clone(), bytes: Some(ends[0]..ends[1]) }, ends[1] - ends[0]);
    Ok(if cuts.len() > 2 { cuts.windows(2).map(slice).collect() } else { whole })
}

/// Where a file of `size` bytes is cut into about `parts` parts, with both of its ends: before row groups only.
fn cuts(starts: &[u64], size: u64, parts: u64) -> Vec<u64> {
    let part_of = |start: u64| u128::from(start) * u128::from(parts) / u128::from(size.max(1));
    let inner = starts.windows(2).filter(|pair| part_of(pair[0]) != part_of(pair[1])).map(|pair| pair[1]);
    std::iter::once(0).chain(inner).chain([size]).collect()
}

/// Reads the footer of a Parquet file. An Arrow schema in it that is broken makes its reader panic.
pub fn footer(file: &TableFile) -> Result<ArrowReaderMetadata> {
    let options = ArrowReaderOptions::new();
    let metadata = match (&file.place, file.object()) {
        (FilePlace::Disk(path), _) => {
            let opened = File::open(path).map_err(|e| file.error(e))?;
            quietly(|| catch_unwind(AssertUnwindSafe(|| ArrowReaderMetadata::load(&opened, options))))
        }
        (FilePlace::Object(_), object) => {
            let footer = object.map(S3Object::footer_now).transpose()?;
            let footer = footer.ok_or_else(|| file.error("nothing reads it"))?;
            quietly(|| catch_unwind(AssertUnwindSafe(|| ArrowReaderMetadata::try_new(footer, options))))
        }
    };
    let metadata = metadata.map_err(|_| file.error("not a whole Parquet file: its footer is broken"))?;
    metadata.map_err(|e| file.error(format!("not a whole Parquet file: {e}")))
}

/// The rows of a Parquet file that come before its byte number `start`.
pub fn rows_before(file: &TableFile, start: u64) -> Result<u64> {
    let footer = footer(file)?;
    let before = footer.metadata().row_groups().iter().filter(|group| start_of(group).unsigned_abs() < start);
    Ok(before.map(|group| group.num_rows().unsigned_abs()).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_before_row_groups_only() {
        assert_eq!(cuts(&[4, 100, 200, 300], 400, 2), [0, 200, 400]);
        assert_eq!(cuts(&[4, 100, 200, 300], 400, 400), [0, 100, 200, 300, 400]);
        assert_eq!(cuts(&[4], 400, 3), [0, 400]);
        assert_eq!(cuts(&[], 12, 3), [0, 12]);
    }
}
