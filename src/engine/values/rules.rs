//! Rules by which a caller's values are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Error;
use crate::calendar::Calendar;
use crate::engine::nouns::EpochUnit;
use crate::timestamps::Pattern;

/// How times are read that are integers or say no offset.
#[derive(Debug, Clone, Default)]
pub struct TimeRules {
    /// The unit of integers since 1970-01-01 UTC.
    pub epoch_unit: Option<EpochUnit>,
    /// The clock that times without an offset are on.
    pub naive: Option<Calendar>,
}

impl TimeRules {
    /// Times without an offset are all on one clock, as if it were that of UTC.
    pub fn on_one_clock() -> Self {
        Self { epoch_unit: None, naive: Some(Calendar::utc()) }
    }
}

/// How the cells of a text file are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextRules {
    /// Whether decimals follow a comma.
    pub has_decimal_comma: bool,
    /// What times look like.
    pub timestamps: TimestampFormat,
}

/// What times that are text look like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TimestampFormat {
    /// ISO 8601.
    #[default]
    Iso,
    /// The first of these patterns that fits.
    Patterns(Vec<Pattern>),
}

/// Our words for actions.
pub const ACTIONS: [&str; 2] = ["view", "click"];

/// The caller's words for actions.
#[derive(Debug, Clone, Default)]
pub struct Actions(Arc<BTreeMap<String, String>>);

impl Actions {
    /// Takes words of the caller's for ours.
    pub fn new(words: BTreeMap<String, String>) -> Self {
        Self(Arc::new(words))
    }

    /// The caller's words, with ours.
    pub fn words(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Our words that the caller gives no other meaning.
    pub fn kept(&self) -> impl Iterator<Item = &'static str> {
        ACTIONS.into_iter().filter(|word| !self.0.contains_key(*word))
    }

    /// Our word for the caller's: their own words first, then `view`, `impression` and `click` in any letter case.
    pub fn known(&self, word: &str) -> Option<&str> {
        let word = word.trim();
        if let Some(ours) = self.0.get(word) {
            return Some(ours);
        }
        let is = |ours: &str| word.eq_ignore_ascii_case(ours);
        match word {
            _ if is("view") || is("impression") => Some("view"),
            _ if is("click") => Some("click"),
            _ => None,
        }
    }
}

/// Column of a table, as errors name it.
#[derive(Debug, Clone)]
pub struct ColumnName {
    /// Our name of the table.
    pub table: String,
    /// The caller's name of the column.
    pub column: String,
}

impl ColumnName {
    /// Refuses a time that does not say how far its clock is from UTC.
    pub fn without_offset(&self, value: &str) -> Error {
        Error::Data {
            table: self.table.clone(),
            column: self.column.clone(),
            row: None,
            value: value.into(),
            reason: "no offset from UTC: naive_tz= names the zone of the clock that it is on, such as \
                     naive_tz=\"America/Recife\", or naive_tz=\"UTC\" where it is UTC already"
                .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Actions;

    #[test]
    fn words_of_the_caller_come_first() {
        let words = [("Impressão", "view"), ("click", "view")];
        let actions = Actions::new(words.map(|(theirs, ours)| (theirs.into(), ours.into())).into());
        let known = |word| actions.known(word);
        assert_eq!(
            ["Impressão", " IMPRESSION ", "View", "CLICK"].map(known),
            ["view", "view", "view", "click"].map(Some)
        );
        assert_eq!([known("click"), known("impressão"), known("")], [Some("view"), None, None]);
        assert_eq!(actions.kept().collect::<Vec<_>>(), ["view"]);
    }
}
