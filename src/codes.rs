//! Small integers in the place of values: 1, 2, 3 as the values come.
//!
//! Arrow keeps a text of up to 12 bytes, as most ids are, in its view itself, a 16-byte integer: to find it is to find
//! an integer. Longer texts are hashed once in a batch for each of their views, of which Parquet's dictionaries repeat
//! few.

use std::collections::HashMap;

use arrow::array::{Array, StringViewArray};

/// The code of a null, and of what has no code.
pub const NULL: u32 = 0;
/// The length up to which Arrow keeps a text in its view.
const INLINE_BYTES: u32 = 12;

/// An open-addressing table from views or integers to codes.
#[derive(Debug)]
pub struct Codes {
    slots: Vec<(u128, u32)>,
    used: usize,
}

impl Default for Codes {
    fn default() -> Self {
        Self { slots: vec![(0, NULL); 64], used: 0 }
    }
}

impl Codes {
    /// Where `key` is, or where it would be.
    fn slot(&self, key: u128) -> usize {
        // Fibonacci hashing: the upper bits of the product depend on all bits of the key.
        let mixed = (key as u64 ^ ((key >> 64) as u64).rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mask = self.slots.len() - 1;
        let mut slot = (mixed >> (64 - self.slots.len().ilog2())) as usize;
        while self.slots[slot].1 != NULL && self.slots[slot].0 != key {
            slot = (slot + 1) & mask;
        }
        slot
    }

    /// The code of `key`, or [`NULL`].
    pub fn find(&self, key: u128) -> u32 {
        self.slots[self.slot(key)].1
    }

    /// The code of `key`, or else the one that `make` gives it.
    pub fn code(&mut self, key: u128, make: impl FnOnce() -> u32) -> u32 {
        let slot = self.slot(key);
        match self.slots[slot].1 {
            NULL => {
                let code = make();
                self.insert(slot, key, code);
                code
            }
            known => known,
        }
    }

    fn insert(&mut self, slot: usize, key: u128, code: u32) {
        self.slots[slot] = (key, code);
        self.used += 1;
        if self.used * 2 > self.slots.len() {
            let larger = vec![(0, NULL); self.slots.len() * 2];
            for (key, code) in std::mem::replace(&mut self.slots, larger) {
                if code != NULL {
                    let slot = self.slot(key);
                    self.slots[slot] = (key, code);
                }
            }
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.slots.fill((0, NULL));
        self.used = 0;
    }
}

/// Texts and their codes, 1, 2, 3 as they come.
#[derive(Debug, Default)]
pub struct TextCodes {
    inline: Codes,
    long: HashMap<String, u32>,
    texts: Vec<String>,
    /// Views of long texts, which mean something in their own batch only.
    views: Codes,
}

impl TextCodes {
    /// How many texts have a code.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether no text has a code.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text of `code`.
    pub fn text(&self, code: u32) -> Option<&str> {
        (code != NULL).then(|| self.texts[code as usize - 1].as_str())
    }

    /// Appends the code of each text of `column`; a new text gets the next.
    pub fn encode(&mut self, column: &StringViewArray, into: &mut Vec<u32>) {
        let Self { inline, long, texts, views } = self;
        views.clear();
        let mut push = |row: usize| {
            texts.push(column.value(row).into());
            texts.len() as u32
        };
        into.extend(column.views().iter().enumerate().map(|(row, &view)| {
            if column.is_null(row) {
                NULL
            } else if view as u32 <= INLINE_BYTES {
                inline.code(view, || push(row))
            } else {
                views.code(view, || match long.get(column.value(row)) {
                    Some(code) => *code,
                    None => {
                        let code = push(row);
                        long.insert(column.value(row).into(), code);
                        code
                    }
                })
            }
        }));
    }

    /// Appends the code of each text of `column`, or [`NULL`] where it has none. `views` is scratch space.
    pub fn find(&self, column: &StringViewArray, views: &mut Codes, into: &mut Vec<u32>) {
        views.clear();
        into.extend(column.views().iter().enumerate().map(|(row, &view)| {
            if column.is_null(row) {
                NULL
            } else if view as u32 <= INLINE_BYTES {
                self.inline.find(view)
            } else {
                views.code(view, || self.long.get(column.value(row)).copied().unwrap_or(NULL))
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_codes_from_batch_to_batch() {
        let long = "a text that is too long for its view";
        let batches = [vec![Some("a"), None, Some(long)], vec![Some(long), Some("b"), Some("a")]];
        let mut codes = TextCodes::default();
        let mut found = vec![];
        for batch in &batches {
            codes.encode(&batch.iter().collect(), &mut found);
        }
        assert_eq!(found, [1, NULL, 2, 2, 3, 1]);
        assert_eq!((codes.text(2), codes.text(NULL), codes.len()), (Some(long), None, 3));
        let mut again = vec![];
        let asked: StringViewArray =
            [Some("b"), Some(long), Some("unknown"), Some("also a text that is unknown")].into_iter().collect();
        codes.find(&asked, &mut Codes::default(), &mut again);
        assert_eq!(again, [3, 2, NULL, NULL]);
    }

    #[test]
    fn many_texts_have_as_many_codes() {
        let texts: StringViewArray = (0..10_000).map(|i| Some(format!("u{i}"))).collect();
        let mut codes = vec![];
        TextCodes::default().encode(&texts, &mut codes);
        assert!(codes.iter().enumerate().all(|(row, code)| *code == row as u32 + 1));
    }
}
