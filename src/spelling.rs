//! The name that a mistyped one was meant to be.

use std::fmt::Display;

/// Letters of a typed name that stand for one error at most that it may have.
const LETTERS_PER_ERROR: usize = 3;
/// Errors beyond which a name is another one.
const MOST_ERRORS: usize = 3;
/// Letters from which on the beginning of a name stands for it.
const FEWEST_LETTERS: usize = 3;

/// Finds the one of `names` that is nearest to what was `typed`, or begins with it, in whatever letter case.
pub fn closest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let letters = typed.chars().count();
    let most = (letters / LETTERS_PER_ERROR).clamp(1, MOST_ERRORS);
    let errors = |name: &str| {
        let name = name.to_lowercase();
        let is_start = letters >= FEWEST_LETTERS && name.starts_with(&typed);
        if is_start { 1 } else { edit_distance(&typed, &name) }
    };
    let (fewest, name) = names.into_iter().map(|name| (errors(name), name)).min()?;
    (fewest <= most && fewest < letters).then_some(name)
}

/// Asks for what was probably meant, at the end of a message; empty if nothing was.
pub fn question(meant: Option<impl Display>) -> String {
    meant.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// Counts, after Levenshtein, the insertions, deletions and substitutions that turn one text into the other.
pub fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], above + 1);
        for (column, other) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::{closest, edit_distance};

    #[test]
    fn a_typing_error_is_one_step() {
        assert_eq!(
            [("pings", "pings"), ("pingz", "pings"), ("", "ads"), ("usr_id", "user_id")].map(distance),
            [0, 1, 3, 1]
        );
    }

    fn distance((from, to): (&str, &str)) -> usize {
        edit_distance(from, to)
    }

    #[test]
    fn names_near_to_what_was_typed_are_offered_and_others_are_not() {
        let names = ["ads", "pings", "user_id", "latitude", "longitude"];
        let offered = |typed| closest(typed, names);
        assert_eq!(
            ["pingz", "Pings", "lat", "USR_ID"].map(offered),
            ["pings", "pings", "latitude", "user_id"].map(Some)
        );
        assert_eq!(["xyz", "a", "", "orders"].map(offered), [None; 4]);
        assert_eq!(closest("anything", []), None);
    }
}
