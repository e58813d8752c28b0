//! A statement as tokens, finished or not, with their places in letters.

use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::{Keyword, RESERVED_FOR_TABLE_ALIAS};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer, Whitespace, Word};

/// A token, and the letters of the statement that it is made of.
#[derive(Debug)]
pub struct PlacedToken {
    /// The token.
    pub token: Token,
    /// The first of its letters.
    pub start: usize,
    /// The letter behind its last.
    pub end: usize,
    /// Line and column of its start, from 1.
    pub place: (u64, u64),
}

impl PlacedToken {
    /// The word that it is.
    pub fn word(&self) -> Option<&Word> {
        match &self.token {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The keyword that it is.
    pub fn keyword(&self) -> Option<Keyword> {
        self.word().map(|word| word.keyword).filter(|keyword| *keyword != Keyword::NoKeyword)
    }

    /// The name that it is, as tables and columns are called.
    pub fn name(&self) -> Option<String> {
        self.word().map(name_of)
    }

    /// The name that it is, if it may stand behind a table and mean it.
    pub fn alias(&self) -> Option<String> {
        let may_be = |word: &&Word| word.quote_style.is_some() || !RESERVED_FOR_TABLE_ALIAS.contains(&word.keyword);
        self.word().filter(may_be).map(name_of)
    }

    /// The placeholder that it is, without its `$`.
    pub fn placeholder(&self) -> Option<&str> {
        match &self.token {
            Token::Placeholder(name) => name.strip_prefix('$'),
            _ => None,
        }
    }
}

fn name_of(word: &Word) -> String {
    if word.quote_style.is_some() { word.value.clone() } else { word.value.to_lowercase() }
}

/// The tokens of `text` up to the first that is none; without spaces and comments.
pub fn pieces_of(text: &str) -> Vec<PlacedToken> {
    tokens_of(text).0
}

/// The tokens before the letter `at`, or `None` within a text, a quoted name or a comment.
pub fn pieces_before(text: &str, at: usize) -> Option<Vec<PlacedToken>> {
    let before: String = text.chars().take(at).collect();
    let (pieces, is_open) = tokens_of(&before);
    (!is_open).then_some(pieces)
}

/// The tokens of `text`, and whether something in it is begun and not ended.
fn tokens_of(text: &str) -> (Vec<PlacedToken>, bool) {
    let newlines = text.chars().enumerate().filter(|(_, letter)| *letter == '\n').map(|(at, _)| at + 1);
    let lines: Vec<usize> = std::iter::once(0).chain(newlines).collect();
    let letter = |place: Location| {
        let line = lines.get((place.line as usize).saturating_sub(1)).copied().unwrap_or_default();
        line + (place.column as usize).saturating_sub(1)
    };
    let mut tokens = vec![];
    let is_broken = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location_into_buf(&mut tokens).is_err();
    let is_in_comment = tokens.last().is_some_and(|last| match &last.token {
        Token::Whitespace(Whitespace::SingleLineComment { comment, .. }) => !comment.ends_with('\n'),
        _ => false,
    });
    let piece = |token: datafusion::sql::sqlparser::tokenizer::TokenWithSpan| PlacedToken {
        start: letter(token.span.start),
        end: letter(token.span.end),
        place: (token.span.start.line, token.span.start.column),
        token: token.token,
    };
    let visible = tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    (visible.map(piece).collect(), is_broken || is_in_comment)
}

/// A name as a statement writes it: quoted, unless it is plain.
pub fn written(name: &str) -> String {
    let is_plain = name.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_')
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
        && !RESERVED_FOR_TABLE_ALIAS.iter().any(|keyword| format!("{keyword:?}").eq_ignore_ascii_case(name));
    if is_plain { name.into() } else { Ident::with_quote('"', name).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_letters() {
        let text = "SELECT 'ã'\n  , x -- y\nFROM p";
        let letters: Vec<char> = text.chars().collect();
        let shown: Vec<String> =
            pieces_of(text).iter().map(|piece| letters[piece.start..piece.end].iter().collect()).collect();
        assert_eq!(shown, ["SELECT", "'ã'", ",", "x", "FROM", "p"]);
        assert_eq!(pieces_of(text)[3].place, (2, 5));
    }

    #[test]
    fn within_quotes_and_comments_there_is_nothing_to_name() {
        for (text, is_open) in [
            ("SELECT 'a", true),
            ("SELECT \"a", true),
            ("SELECT -- a", true),
            ("SELECT /* a", true),
            ("SELECT a", false),
        ] {
            assert_eq!(pieces_before(text, text.len()).is_none(), is_open, "{text}");
        }
    }

    #[test]
    fn names_are_quoted_where_they_must_be() {
        assert_eq!(["a_1", "Preço", "from", "1a"].map(written), ["a_1", "\"Preço\"", "\"from\"", "\"1a\""]);
    }
}
