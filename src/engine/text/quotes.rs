//! Where the quoted cells of CSV are, found without parsing: what is between two quotes is looked at by no one.

use std::io::BufRead;

use memchr::memchr;

/// The letters that make cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Between cells.
    pub separator: u8,
    /// Around cells that hold separators or line ends.
    pub quote: u8,
}

/// Follows the quotes of CSV as its parser does: one opens a cell at the cell's beginning only, and two within a quoted
/// cell are a letter.
#[derive(Debug)]
pub struct Quotes {
    marks: Marks,
    state: State,
    /// How many bytes are behind.
    at: u64,
    /// The last of them.
    last: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Outside,
    /// In a cell whose quote is at this byte.
    Inside(u64),
    /// Behind the quote at byte `end`, which ends the cell that `start` opened, unless another follows at once.
    Closed {
        start: u64,
        end: u64,
    },
}

impl Quotes {
    /// Begins at byte `at`, where a line begins.
    pub fn new(marks: Marks, at: u64) -> Self {
        Self { marks, state: State::Outside, at, last: b'\n' }
    }

    /// Where the quote is that no other has closed.
    pub fn opened(&self) -> Option<u64> {
        match self.state {
            State::Inside(start) => Some(start),
            _ => None,
        }
    }

    /// Goes past `bytes`.
    pub fn pass(&mut self, bytes: &[u8]) {
        let mut from = 0;
        while let Some(found) = memchr(self.marks.quote, &bytes[from..]) {
            let place = from + found;
            let before = if place == 0 { self.last } else { bytes[place - 1] };
            self.state = self.state.at_quote(self.at + place as u64, before, self.marks.separator);
            from = place + 1;
        }
        self.at += bytes.len() as u64;
        self.last = bytes.last().copied().unwrap_or(self.last);
    }
}

impl State {
    fn at_quote(self, at: u64, before: u8, separator: u8) -> Self {
        match self {
            State::Inside(start) => State::Closed { start, end: at },
            State::Closed { start, end } if end + 1 == at => State::Inside(start),
            _ if before == separator || matches!(before, b'\n' | b'\r') || is_byte_order_mark(at, before) => {
                State::Inside(at)
            }
            _ => State::Outside,
        }
    }
}

/// Whether the byte before byte `at` is the last of such a mark, after which the first cell begins.
fn is_byte_order_mark(at: u64, before: u8) -> bool {
    (at, before) == (3, 0xBF)
}

/// A walk through CSV from line to line.
pub struct LineWalk<R> {
    input: R,
    quotes: Quotes,
}

impl<R: BufRead> LineWalk<R> {
    /// Begins at byte `at`, where a line begins.
    pub fn new(input: R, marks: Marks, at: u64) -> Self {
        Self { input, quotes: Quotes::new(marks, at) }
    }

    /// Goes on to byte `target`; false if the file ends before.
    pub fn go_to(&mut self, target: u64) -> std::io::Result<bool> {
        while self.quotes.at < target {
            let buffer = self.input.fill_buf()?;
            let wanted = usize::try_from(target - self.quotes.at).unwrap_or(usize::MAX).min(buffer.len());
            if wanted == 0 {
                return Ok(false);
            }
            self.quotes.pass(&buffer[..wanted]);
            self.input.consume(wanted);
        }
        Ok(true)
    }

    /// Goes on to the next line that begins outside of quotes, and tells where that is; `None` if the file ends before.
    pub fn next_line(&mut self) -> std::io::Result<Option<u64>> {
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let end = memchr(b'\n', buffer);
            let wanted = end.map_or(buffer.len(), |end| end + 1);
            self.quotes.pass(&buffer[..wanted]);
            self.input.consume(wanted);
            if end.is_some() && self.quotes.opened().is_none() {
                return Ok(Some(self.quotes.at));
            }
        }
    }

    /// Goes on to the end, and tells where a quote is that nothing closes.
    pub fn unclosed(mut self) -> std::io::Result<Option<u64>> {
        self.go_to(u64::MAX)?;
        Ok(self.quotes.opened())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks { separator: b',', quote: b'"' };

    fn lines(text: &str) -> Vec<u64> {
        let mut walk = LineWalk::new(text.as_bytes(), MARKS, 0);
        std::iter::from_fn(|| walk.next_line().expect("text can be read")).collect()
    }

    #[test]
    fn lines_within_quotes_are_none() {
        assert_eq!(lines("a,b\n1,2\n"), [4, 8]);
        assert_eq!(lines("\"a\n\",b\n1,2\n"), [7, 11]);
        assert_eq!(lines("\"a\"\"\n\"\"\",b\n1,2\n"), [11, 15]);
        assert_eq!(lines("5\" pipe\n1\"\"\n"), [8, 12]);
        assert_eq!(lines("\"a\"b\"\n1\n"), [6, 8]);
        assert_eq!(lines("x\r\"\n\"\r\n"), [7]);
    }

    #[test]
    fn other_marks_make_other_cells() {
        let marks = Marks { separator: b';', quote: b'\'' };
        let mut walk = LineWalk::new("a;'\n';\"\n1,'\n".as_bytes(), marks, 0);
        let lines: Vec<u64> = std::iter::from_fn(|| walk.next_line().expect("text can be read")).collect();
        assert_eq!(lines, [8, 12]);
    }

    #[test]
    fn a_quote_that_nothing_closes_is_found() {
        let unclosed = |text: &str| LineWalk::new(text.as_bytes(), MARKS, 0).unclosed().expect("text can be read");
        assert_eq!(unclosed("a,\"b\nc"), Some(2));
        assert_eq!(unclosed("a,\"b\"\"\nc"), Some(2));
        assert_eq!(unclosed("a,\"b\""), None);
        assert_eq!(unclosed("a,b\"\nc"), None);
    }

    #[test]
    fn bytes_may_come_in_any_pieces() {
        let text = b"\"a\"\"\n\",5\" x\r\n\"\"\"\"\n,\"";
        for size in 1..text.len() {
            let mut quotes = Quotes::new(MARKS, 0);
            text.chunks(size).for_each(|piece| quotes.pass(piece));
            assert_eq!(quotes.opened(), Some(19));
        }
    }
}
