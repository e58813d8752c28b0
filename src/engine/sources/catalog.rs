//! The catalog of a data set: where each noun comes from.

use std::collections::BTreeMap;

use super::group::group;
use super::part::SourcePart;
use super::reading::{Given, Reading, check_names};
use super::slice::Slice;
use super::source::Source;
use crate::engine::files::file::TableFile;
use crate::engine::files::find::{self, Folder};
use crate::engine::files::place::FilePlace;
use crate::engine::files::s3::traffic::Traffic;
use crate::engine::nouns::{Column, NOUNS, Noun, WantedColumn};
use crate::engine::threads::all_at_once;
use crate::{Error, Result};

/// Finds the nouns under `root` and among the tables `given`.
pub fn sources(
    root: Option<&FilePlace>,
    given: BTreeMap<String, Given>,
    reading: &Reading,
    traffic: &Traffic,
) -> Result<BTreeMap<&'static str, Source>> {
    check_names(&given, reading)?;
    let folder = root.map(|root| Folder::open(root, traffic)).transpose()?;
    let source = |noun: Noun| {
        let parts = match (given.get(noun.name), &folder) {
            (Some(Given::Places(places)), _) => whole_files(&noun, find::list_all(places, traffic)?, reading)?,
            (Some(Given::Slices(slices)), _) => file_parts(&noun, slices, reading)?,
            (Some(Given::Batches(schema, batches)), _) => {
                vec![SourcePart::of_memory(schema, batches, reading.threads)?]
            }
            (None, Some(folder)) => whole_files(&noun, folder.files_of(noun.name)?, reading)?,
            (None, None) => vec![],
        };
        (!parts.is_empty()).then(|| Ok((noun.name, Source::new(noun, reading.clone(), parts)?))).transpose()
    };
    let found = all_at_once(NOUNS, source).into_iter().filter_map(Result::transpose);
    let found = found.collect::<Result<BTreeMap<_, _>>>()?;
    match found.is_empty() {
        true => Err(nothing_found(root, folder.as_ref())),
        false => Ok(found),
    }
}

/// How many names of a folder are told.
const TOLD_NAMES: usize = 8;

fn nothing_found(root: Option<&FilePlace>, folder: Option<&Folder>) -> Error {
    let wanted = NOUNS.map(|noun| noun.name).join(", ");
    let there = folder.map(Folder::names).unwrap_or_default();
    let told = match &there[..] {
        [] => "nothing".into(),
        names if names.len() > TOLD_NAMES => {
            format!("{} and {} more", names[..TOLD_NAMES].join(", "), names.len() - TOLD_NAMES)
        }
        names => names.join(", "),
    };
    let named = "tables={\"pings\": \"...\"} (--table pings=...) says what it is called";
    let reason = format!(
        "there is none of the tables {wanted} (a file such as pings.csv, or a folder pings/); there is {told}: {named}"
    );
    Error::Io { path: root.map_or_else(|| "the mapping".into(), ToString::to_string), reason }
}

fn whole_files(noun: &Noun, files: Vec<TableFile>, reading: &Reading) -> Result<Vec<SourcePart>> {
    let slices = files.into_iter().map(|file| Slice { file, bytes: None });
    file_parts(noun, &slices.collect::<Vec<_>>(), reading)
}

fn file_parts(noun: &Noun, slices: &[Slice], reading: &Reading) -> Result<Vec<SourcePart>> {
    let wanted = |column: &Column| WantedColumn {
        name: reading.theirs(noun, column),
        kind: column.kind,
        is_needed: reading.needs(noun, column),
    };
    let wanted: Vec<_> = noun.columns.iter().map(wanted).collect();
    let groups = group(slices, &reading.csv_of(noun), &wanted)?;
    Ok(groups.into_iter().map(SourcePart::of_files).collect())
}
