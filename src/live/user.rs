//! The state of a user, and its bytes.

use super::fix::Fix;
use super::track::{Called, Track};

/// What is known of a user.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct User {
    pub(super) track: Track,
    /// Groups of which nothing is suggested for a while.
    pub(super) mutes: Vec<Mute>,
    /// When something was last suggested.
    pub(super) suggested_us: Option<i64>,
    /// The local day of `suggested_us`, and the suggestions of that day.
    pub(super) day: i32,
    pub(super) suggestions: u32,
}

/// A group, by its key, and the instant up to which nothing of it is suggested.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mute {
    pub(super) group: u64,
    pub(super) until_us: i64,
}

/// The first byte of a state: how the others are to be read.
const FORM: u8 = 1;

impl User {
    /// Whether nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.track.last.is_none()
    }

    /// Lets nothing of a group be suggested up to an instant, or longer where it was muted for longer.
    pub(super) fn mute(&mut self, group: u64, until_us: i64, now_us: i64) {
        match self.mutes.iter_mut().find(|mute| mute.group == group) {
            Some(mute) => mute.until_us = mute.until_us.max(until_us),
            None => {
                self.mutes.retain(|mute| mute.until_us > now_us);
                self.mutes.push(Mute { group, until_us });
            }
        }
    }

    pub(super) fn is_muted(&self, group: u64, now_us: i64) -> bool {
        self.mutes.iter().any(|mute| mute.group == group && now_us < mute.until_us)
    }

    pub(super) fn suggestions_on(&self, day: i32) -> u32 {
        if self.suggested_us.is_some() && self.day == day { self.suggestions } else { 0 }
    }

    pub(super) fn note_suggestion(&mut self, now_us: i64, day: i32) {
        self.suggestions = self.suggestions_on(day) + 1;
        (self.suggested_us, self.day) = (Some(now_us), day);
    }

    /// The bytes held beside the state itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.mutes.capacity() * size_of::<Mute>()
            + self.track.called.capacity() * size_of::<Called>()
            + self.track.pending.as_ref().map_or(0, |_| size_of::<Fix>())
    }

    /// The state as bytes, of integers and floats in little endian.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = StateWriter(vec![FORM]);
        out.fix(self.track.last.as_ref());
        out.fix(self.track.pending.as_deref());
        out.fix(self.track.anchor.as_ref());
        out.fix(self.track.earlier_anchor.as_ref());
        out.list(&self.track.called, |called| (called.establishment, u64::from(called.armed_m.to_bits())));
        out.list(&self.mutes, |mute| (mute.group, mute.until_us as u64));
        out.option(self.suggested_us.map(|us| us as u64));
        out.word(u64::from(self.day as u32) << 32 | u64::from(self.suggestions));
        out.0
    }

    /// The state of these bytes; `None` if they are none.
    pub(super) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = StateReader(bytes.strip_prefix(&[FORM])?);
        let last = from.fix()?;
        let pending = from.fix()?.map(Box::new);
        let (anchor, earlier_anchor) = (from.fix()?, from.fix()?);
        let armed_m = |bits: u64| f32::from_bits(bits as u32);
        let called = from.list(|establishment, bits| Called { establishment, armed_m: armed_m(bits), way_m: 0.0 })?;
        let mutes = from.list(|group, until| Mute { group, until_us: until as i64 })?;
        let suggested_us = from.option()?.map(|us| us as i64);
        let day_and_suggestions = from.word()?;
        let track = Track { last, pending, anchor, earlier_anchor, way_m: 0.0, armed_way_m: 0.0, called };
        let (day, suggestions) = ((day_and_suggestions >> 32) as u32 as i32, day_and_suggestions as u32);
        from.0.is_empty().then_some(Self { track, mutes, suggested_us, day, suggestions })
    }
}

struct StateWriter(Vec<u8>);

impl StateWriter {
    fn word(&mut self, word: u64) {
        self.0.extend(word.to_le_bytes());
    }

    fn option(&mut self, word: Option<u64>) {
        self.0.push(word.is_some().into());
        word.into_iter().for_each(|word| self.word(word));
    }

    fn fix(&mut self, fix: Option<&Fix>) {
        self.option(fix.map(|fix| fix.timestamp_us as u64));
        if let Some(fix) = fix {
            [fix.latitude, fix.longitude].into_iter().for_each(|number| self.word(number.to_bits()));
            self.0.extend(fix.accuracy_m.to_le_bytes());
            self.0.push(fix.is_witness.into());
        }
    }

    fn list<T>(&mut self, all: &[T], words: impl Fn(&T) -> (u64, u64)) {
        self.0.extend((all.len() as u32).to_le_bytes());
        for (first, second) in all.iter().map(words) {
            self.word(first);
            self.word(second);
        }
    }
}

struct StateReader<'a>(&'a [u8]);

impl StateReader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn word(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn option(&mut self) -> Option<Option<u64>> {
        if self.flag()? { self.word().map(Some) } else { Some(None) }
    }

    fn fix(&mut self) -> Option<Option<Fix>> {
        let Some(timestamp) = self.option()? else { return Some(None) };
        let mut number = || self.word().map(f64::from_bits);
        let (latitude, longitude) = (number()?, number()?);
        let (accuracy, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        let (accuracy_m, is_witness) = (f32::from_le_bytes(*accuracy), self.flag()?);
        Some(Some(Fix { timestamp_us: timestamp as i64, latitude, longitude, accuracy_m, is_witness }))
    }

    fn list<T>(&mut self, item: impl Fn(u64, u64) -> T) -> Option<Vec<T>> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        (0..u32::from_le_bytes(*bytes)).map(|_| Some(item(self.word()?, self.word()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Called, Fix, Mute, Track, User};

    fn user() -> User {
        let fix =
            |timestamp_us| Fix { timestamp_us, latitude: -8.05, longitude: -34.9, accuracy_m: 12.5, is_witness: true };
        let called = vec![Called { establishment: u64::MAX, armed_m: 312.25, way_m: 0.0 }];
        User {
            track: Track {
                last: Some(fix(-3)),
                pending: Some(Box::new(fix(4))),
                anchor: Some(fix(-5)),
                earlier_anchor: None,
                way_m: 0.0,
                armed_way_m: 0.0,
                called,
            },
            mutes: vec![Mute { group: 7, until_us: -1 }, Mute { group: 8, until_us: i64::MAX }],
            suggested_us: Some(i64::MIN),
            day: -2,
            suggestions: 3,
        }
    }

    #[test]
    fn a_state_comes_back_from_its_bytes() {
        for user in [user(), User::default()] {
            assert_eq!(User::of_bytes(&user.to_bytes()), Some(user));
        }
    }

    #[test]
    fn bytes_that_are_no_state_are_refused() {
        let bytes = user().to_bytes();
        assert!((0..bytes.len()).all(|length| User::of_bytes(&bytes[..length]).is_none()));
        assert!(User::of_bytes(&[&bytes[..], &[0]].concat()).is_none());
        assert!(User::of_bytes(&[&[2], &bytes[1..]].concat()).is_none());
    }
}
