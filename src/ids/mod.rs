//! Ids as small numbers: text that comes again and again is kept, hashed and compared as little as possible;
//! [`hashing`] has hashes that are the same on every machine.

pub mod hashing;

use arrow::array::{Array, MAX_INLINE_VIEW_LEN, StringViewArray, UInt32Array};
use arrow::buffer::Buffer;
use arrow::error::ArrowError;

/// An id in a column, ready to be looked for.
#[derive(Debug, Clone, Copy)]
pub struct Id<'a> {
    /// The whole view of an id that fits into one; else the half that says its length and first bytes.
    key: u128,
    /// The text, where the view does not hold it.
    text: &'a [u8],
    hash: u64,
}

impl<'a> Id<'a> {
    /// The id in `row` of `ids`.
    #[inline]
    pub fn at(ids: &'a StringViewArray, row: usize) -> Self {
        let view = ids.views()[row];
        match is_inline(view) {
            true => Self::short(view),
            false => Self::long(view, ids.value(row).as_bytes()),
        }
    }

    #[inline]
    fn short(view: u128) -> Self {
        Self { key: view, text: &[], hash: mix(view as u64, (view >> 64) as u64) }
    }

    /// A number as an id. Numbers and texts must not be mixed.
    #[inline]
    pub fn number(number: u128) -> Self {
        Self::short(number)
    }

    /// An integer as an id. Like a short text, it leaves three of the lowest four bytes of its number free.
    #[inline]
    pub fn integer(integer: i64) -> Self {
        Self::number(u128::from(integer as u64) << 32)
    }

    /// The id of nothing: no text has the length that its number begins with.
    #[inline]
    pub fn null() -> Self {
        Self::number(NULL_ID)
    }

    /// The number that [`Id::number`] makes the same id of; `None` if the text is too long for its view.
    #[inline]
    pub fn as_number(&self) -> Option<u128> {
        self.text.is_empty().then_some(self.key)
    }

    fn long(view: u128, text: &'a [u8]) -> Self {
        let word = |bytes: &[u8]| bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let hash = text.chunks(8).fold(text.len() as u64, |hash, bytes| mix(hash, word(bytes)));
        Self { key: u128::from(view as u64), text, hash }
    }

    /// A number that depends on the text alone.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// A number below `count`, a power of two, that depends on the text alone.
    #[inline]
    pub fn shard(&self, count: usize) -> usize {
        self.hash as usize & (count - 1)
    }
}

/// The number of no id.
const NULL_ID: u128 = 0xff;

fn is_inline(view: u128) -> bool {
    view as u32 <= MAX_INLINE_VIEW_LEN
}

/// The folded multiplication of wyhash (Wang Yi, 2019), with two of its constants.
#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0xa076_1d64_78bd_642f) * u128::from(b ^ 0xe703_7ed1_a0b4_28db);
    product as u64 ^ (product >> 64) as u64
}

/// Different ids, numbered in the order in which they came.
#[derive(Debug)]
pub struct Ids {
    /// Open addressing: the upper half of the hash, and the number plus one; 0 where there is none.
    slots: Vec<u64>,
    /// Views, whose text, where it does not fit, is in `text`.
    keys: Vec<u128>,
    text: Vec<u8>,
}

impl Default for Ids {
    fn default() -> Self {
        Self { slots: vec![0; 16], keys: vec![], text: vec![] }
    }
}

impl Ids {
    /// Numbers the rows of `ids`, which are all different.
    pub fn of(ids: &StringViewArray) -> Self {
        let mut numbered = Self::default();
        (0..ids.len()).for_each(|row| {
            numbered.add(Id::at(ids, row));
        });
        numbered
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The bytes held.
    pub fn size(&self) -> usize {
        self.slots.capacity() * 8 + self.keys.capacity() * 16 + self.text.capacity()
    }

    /// The number of `id`.
    #[inline]
    pub fn find(&self, id: Id) -> Option<u32> {
        self.look(id).ok()
    }

    /// The ids that were added by [`Id::integer`], by number.
    pub fn integers(&self) -> impl Iterator<Item = i64> {
        self.keys.iter().map(|key| (key >> 32) as i64)
    }

    /// The number of `id`, which gets the next one if it is new.
    #[inline]
    pub fn add(&mut self, id: Id) -> u32 {
        self.look(id).unwrap_or_else(|free| self.insert(free, id))
    }

    /// The numbers of `ids`; null for unknown ones.
    pub fn numbers(&self, ids: &StringViewArray) -> UInt32Array {
        (0..ids.len()).map(|row| ids.is_valid(row).then(|| self.find(Id::at(ids, row))).flatten()).collect()
    }

    /// All ids, by number.
    pub fn iter(&self) -> impl Iterator<Item = Id<'_>> {
        self.keys.iter().map(|key| match is_inline(*key) {
            true => Id::short(*key),
            false => Id::long(*key, self.text_of(*key)),
        })
    }

    /// All ids, by number, as a column.
    pub fn to_array(&self) -> Result<StringViewArray, ArrowError> {
        let text = if self.text.is_empty() { vec![] } else { vec![Buffer::from(self.text.as_slice())] };
        let Some(null) = self.find(Id::null()) else {
            return StringViewArray::try_new(self.keys.clone().into(), text, None);
        };
        let (mut keys, mut valid) = (self.keys.clone(), vec![true; self.keys.len()]);
        (keys[null as usize], valid[null as usize]) = (0, false);
        StringViewArray::try_new(keys.into(), text, Some(valid.into()))
    }

    /// The number of `id`, or the slot where it would go.
    #[inline]
    fn look(&self, id: Id) -> Result<u32, usize> {
        let (tag, mask) = (id.hash >> 32, self.slots.len() - 1);
        let mut at = tag as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return Err(at);
            }
            let number = slot as u32 - 1;
            if slot >> 32 == tag && self.is(number, id) {
                return Ok(number);
            }
            at = (at + 1) & mask;
        }
    }

    #[inline]
    fn is(&self, number: u32, id: Id) -> bool {
        let key = self.keys[number as usize];
        match id.text {
            [] => key == id.key,
            text => key as u64 == id.key as u64 && self.text_of(key) == text,
        }
    }

    fn text_of(&self, key: u128) -> &[u8] {
        let (start, length) = ((key >> 96) as usize, key as u32 as usize);
        &self.text[start..start + length]
    }

    fn insert(&mut self, free: usize, id: Id) -> u32 {
        let number = self.keys.len() as u32;
        self.slots[free] = id.hash >> 32 << 32 | u64::from(number + 1);
        self.keys.push(id.key | (self.text.len() as u128 * u128::from(!id.text.is_empty())) << 96);
        self.text.extend_from_slice(id.text);
        if self.keys.len() * 2 > self.slots.len() {
            self.double();
        }
        number
    }

    fn double(&mut self) {
        let mask = self.slots.len() * 2 - 1;
        let mut slots = vec![0; mask + 1];
        for slot in self.slots.iter().filter(|slot| **slot != 0) {
            let mut at = (slot >> 32) as usize & mask;
            while slots[at] != 0 {
                at = (at + 1) & mask;
            }
            slots[at] = *slot;
        }
        self.slots = slots;
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::StringViewArray;

    use super::{Id, Ids};

    fn texts(count: usize) -> Vec<String> {
        (0..count).map(|i| if i % 3 == 0 { format!("a rather long name {i}") } else { format!("u{i}") }).collect()
    }

    #[test]
    fn ids_keep_their_number_and_their_text() {
        let column = StringViewArray::from_iter_values(texts(5_000));
        let ids = Ids::of(&column);
        assert_eq!(ids.len(), 5_000);
        assert!(ids.numbers(&column).values().iter().copied().eq(0..5_000));
        assert_eq!(ids.to_array().expect("valid text"), column);
    }

    #[test]
    fn ids_of_another_column_are_the_same_ids() {
        let ids = Ids::of(&StringViewArray::from_iter_values(texts(100)));
        let mut other: Vec<_> = texts(101).into_iter().rev().map(Some).collect();
        other.push(None);
        let numbers = ids.numbers(&other.into_iter().collect::<StringViewArray>());
        let wanted = [None].into_iter().chain((0..100).rev().map(Some)).chain([None]);
        assert!(numbers.iter().eq(wanted));
    }

    #[test]
    fn nothing_is_an_id_that_no_text_is() {
        let mut ids = Ids::of(&StringViewArray::from_iter_values(["", "u1"]));
        assert_eq!((ids.add(Id::null()), ids.add(Id::null())), (2, 2));
        assert_eq!(ids.to_array().expect("valid text"), StringViewArray::from(vec![Some(""), Some("u1"), None]));
    }

    #[test]
    fn an_empty_text_and_an_extended_one_are_ids_of_their_own() {
        let column = StringViewArray::from(vec!["", "\0", "twelve bytes", "twelve bytes!", "twelve bytes?"]);
        assert!(Ids::of(&column).numbers(&column).values().iter().copied().eq(0..5));
    }
}
