//! How a file's bytes become text: packed or not, in which encoding.

use std::fmt;
use std::io::{BufRead, BufReader, Cursor, Error as IoError, ErrorKind, Read};

use encoding_rs::{DecoderResult, Encoding, UTF_8};

use crate::Result;
use crate::engine::files::file::TableFile;

/// Bytes of text that are made at once.
const TEXT_BYTES: usize = 1 << 16;

/// Bytes of an array of JSON, unpacked, beyond which it is refused.
const MOST_OF_ARRAY: u64 = 256 << 20;

/// Text that is read.
pub type Text = Box<dyn BufRead + Send>;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// It is not.
    Plain,
    /// By gzip, in one member or several.
    Gzip,
    /// By Zstandard.
    Zstd,
}

/// How a file's bytes become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding {
    /// How it is packed.
    pub packing: Packing,
    /// The encoding of its letters.
    pub encoding: &'static Encoding,
    /// Whether it is one array of JSON, whose elements become lines.
    pub is_array: bool,
}

impl Packing {
    /// Tells by the first bytes of a file how it is packed.
    pub fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
            _ => Packing::Plain,
        }
    }

    /// Reads `file` from its beginning on, unpacked.
    pub fn read(file: &TableFile) -> Result<(Self, Text)> {
        let failed = |e| file.error(e);
        let mut input = file.read_from(0)?;
        let packing = Self::of(input.fill_buf().map_err(failed)?);
        Ok((packing, packing.unpacked(input).map_err(failed)?))
    }

    /// Unpacks `input`.
    pub fn unpacked(self, input: impl BufRead + Send + 'static) -> std::io::Result<Text> {
        Ok(match self {
            Packing::Plain => Box::new(input),
            Packing::Gzip => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(input))),
            Packing::Zstd => Box::new(BufReader::new(zstd::stream::read::Decoder::with_buffer(input)?)),
        })
    }
}

impl Coding {
    /// Finds out how a file of JSON becomes lines; `None` if it has none.
    pub fn of_json(file: &TableFile) -> Result<Option<Self>> {
        let (packing, mut start) = Packing::read(file)?;
        let bytes = start.fill_buf().map_err(|e| file.error(e))?;
        let encoding = Encoding::for_bom(bytes).map_or(UTF_8, |(encoding, _)| encoding);
        let text = encoding.decode_with_bom_removal(bytes).0;
        let is_array = text.trim_start().starts_with('[');
        Ok((!bytes.is_empty()).then_some(Self { packing, encoding, is_array }))
    }

    /// UTF-8 that is not packed.
    pub const PLAIN: Self = Self { packing: Packing::Plain, encoding: UTF_8, is_array: false };

    /// Whether the file's bytes are the text's.
    pub fn is_plain(&self) -> bool {
        *self == Self::PLAIN
    }

    /// Whether marks and line ends can be told among the file's bytes.
    pub fn can_be_cut(&self) -> bool {
        self.packing == Packing::Plain && !self.is_array && (self.encoding == UTF_8 || self.encoding.is_single_byte())
    }

    /// Makes UTF-8 of `input`. What is UTF-8 already is not looked at.
    pub fn text_of(&self, input: impl BufRead + Send + 'static) -> std::io::Result<Text> {
        let unpacked = self.packing.unpacked(input)?;
        let text: Text = match self.encoding == UTF_8 {
            true => unpacked,
            false => Box::new(BufReader::with_capacity(TEXT_BYTES, Decoded::new(unpacked, self.encoding))),
        };
        if self.is_array { lines_of_array(text) } else { Ok(text) }
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.encoding.name())?;
        match self.packing {
            Packing::Plain => Ok(()),
            Packing::Gzip => write!(f, ", gzip"),
            Packing::Zstd => write!(f, ", zstd"),
        }
    }
}

/// The elements of an array of JSON as lines.
fn lines_of_array(text: Text) -> std::io::Result<Text> {
    let mut all = String::new();
    text.take(MOST_OF_ARRAY + 1).read_to_string(&mut all)?;
    if all.len() as u64 > MOST_OF_ARRAY {
        let reason = "an array of more than 256 MiB, which is read as a whole: write JSON lines";
        return Err(IoError::new(ErrorKind::InvalidData, reason));
    }
    let elements: Vec<serde_json::Value> = serde_json::from_str(all.trim_start_matches('\u{feff}'))?;
    let lines: String = elements.iter().map(|element| format!("{element}\n")).collect();
    Ok(Box::new(Cursor::new(lines)))
}

/// Decodes an encoding other than UTF-8; bytes that are none of its letters are an error.
struct Decoded<R> {
    input: R,
    decoder: encoding_rs::Decoder,
    is_done: bool,
}

impl<R: BufRead> Decoded<R> {
    fn new(input: R, encoding: &'static Encoding) -> Self {
        Self { input, decoder: encoding.new_decoder_with_bom_removal(), is_done: false }
    }
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, text: &mut [u8]) -> std::io::Result<usize> {
        while !self.is_done {
            let bytes = self.input.fill_buf()?;
            let is_last = bytes.is_empty();
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(bytes, text, is_last);
            self.input.consume(read);
            match result {
                DecoderResult::Malformed(..) => {
                    let reason = format!("it is not {} text", self.decoder.encoding().name());
                    return Err(IoError::new(ErrorKind::InvalidData, reason));
                }
                DecoderResult::InputEmpty => self.is_done = is_last,
                DecoderResult::OutputFull => {}
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(bytes: &'static [u8], coding: Coding) -> std::io::Result<String> {
        let mut text = String::new();
        coding.text_of(bytes)?.read_to_string(&mut text)?;
        Ok(text)
    }

    fn plain(label: &str) -> Coding {
        Coding {
            packing: Packing::Plain,
            encoding: Encoding::for_label(label.as_bytes()).expect("an encoding"),
            is_array: false,
        }
    }

    #[test]
    fn letters_of_other_encodings_become_utf_8() {
        assert_eq!(text_of(b"Impress\xe3o", plain("latin1")).expect("text"), "Impressão");
        assert_eq!(text_of(b"\xff\xfea\0\xe3\0", plain("utf-16le")).expect("text"), "aã");
        assert!(text_of(b"\xff\xfea\0\xe3", plain("utf-16le")).is_err(), "half a letter");
    }

    #[test]
    fn several_members_are_one_file() {
        use flate2::{Compression, write::GzEncoder};
        use std::io::Write;
        let packed = |text: &[u8]| {
            let mut encoder = GzEncoder::new(vec![], Compression::fast());
            encoder.write_all(text).expect("memory");
            encoder.finish().expect("memory")
        };
        let both = [packed(b"a,b\n"), packed(b"1,2\n")].concat();
        let coding = Coding { packing: Packing::Gzip, encoding: UTF_8, is_array: false };
        assert_eq!(text_of(both.clone().leak(), coding).expect("text"), "a,b\n1,2\n");
        assert!(text_of(both[..both.len() - 4].to_vec().leak(), coding).is_err(), "cut off");
    }
}
