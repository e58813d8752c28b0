//! Parquet's hybrid of runs and bit-packed groups, in which codes and levels are written.
//!
//! Source: Apache Parquet, "Encodings", RLE = 3:
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use bytes::Bytes;
use parquet::errors::Result;

use super::chunk::broken;

/// Numbers of one width, read in their order.
#[derive(Debug)]
pub struct RunDecoder {
    data: Bytes,
    /// The first byte that is not read yet: to split the bytes off would count references for each run.
    at: usize,
    width: usize,
    run: Run,
}

#[derive(Debug, Clone, Copy)]
enum Run {
    /// One number so many times.
    Same { number: u32, left: usize },
    /// Groups of eight, of which `skip` numbers of the first are read already.
    Packed { groups: usize, skip: usize },
}

/// Bytes that may be read past a group of eight numbers.
const PADDING: usize = 8;

impl RunDecoder {
    /// The numbers of `width` bits in `data`.
    pub fn new(data: Bytes, width: u8) -> Result<Self> {
        match width {
            0..=32 => Ok(Self { data, at: 0, width: width.into(), run: Run::Same { number: 0, left: 0 } }),
            _ => Err(broken("a number has more than 32 bits")),
        }
    }

    /// The number that the next `count` numbers are, if they are all of one run.
    pub fn same(&mut self, count: usize) -> Result<Option<u32>> {
        self.begin()?;
        Ok(match self.run {
            Run::Same { number, left } if left >= count => Some(number),
            _ => None,
        })
    }

    /// Appends the next `count` numbers.
    pub fn read(&mut self, count: usize, into: &mut Vec<u32>) -> Result<()> {
        let end = into.len() + count;
        while into.len() < end {
            self.begin()?;
            let wanted = end - into.len();
            self.run = match self.run {
                Run::Same { number, left } => {
                    let taken = left.min(wanted);
                    into.resize(into.len() + taken, number);
                    Run::Same { number, left: left - taken }
                }
                Run::Packed { groups, skip } => self.read_packed(groups, skip, wanted, into)?,
            };
        }
        Ok(())
    }

    /// Passes over the next `count` numbers.
    pub fn skip(&mut self, count: usize) -> Result<()> {
        let mut left_over = count;
        while left_over > 0 {
            self.begin()?;
            let taken = match &mut self.run {
                Run::Same { left, .. } => {
                    let taken = left_over.min(*left);
                    *left -= taken;
                    taken
                }
                Run::Packed { groups, skip } => {
                    let taken = left_over.min(*groups * 8 - *skip);
                    let passed = (*skip + taken) / 8;
                    (*groups, *skip) = (*groups - passed, (*skip + taken) % 8);
                    self.at = (self.at + passed * self.width).min(self.data.len());
                    taken
                }
            };
            left_over -= taken;
        }
        Ok(())
    }

    /// Reads the head of the next run, if this one is over.
    fn begin(&mut self) -> Result<()> {
        while matches!(self.run, Run::Same { left: 0, .. } | Run::Packed { groups: 0, .. }) {
            let head = self.head()?;
            self.run = match head & 1 {
                1 => Run::Packed { groups: (head >> 1) as usize, skip: 0 },
                _ => Run::Same { number: self.number()?, left: (head >> 1) as usize },
            };
        }
        Ok(())
    }

    /// A number in seven bits of each byte, the last one without the eighth.
    fn head(&mut self) -> Result<u64> {
        let mut head = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.bytes(1)?[0];
            head |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(head);
            }
        }
        Err(broken("a run has no end"))
    }

    fn number(&mut self) -> Result<u32> {
        let bytes = self.bytes(self.width.div_ceil(8))?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn bytes(&mut self, count: usize) -> Result<&[u8]> {
        let bytes = self.data.get(self.at..self.at + count).ok_or_else(|| broken("a page ends too early"))?;
        self.at += count;
        Ok(bytes)
    }

    fn rest(&self) -> &[u8] {
        &self.data[self.at..]
    }

    /// Reads at most `wanted` of the numbers in `groups`, without the first `skip`; what is left of the run.
    fn read_packed(&mut self, groups: usize, skip: usize, wanted: usize, into: &mut Vec<u32>) -> Result<Run> {
        let touched = (skip + wanted).div_ceil(8).min(groups);
        // The last group may be cut short, at the last number that there is.
        let there = self.rest().len().min(touched * self.width);
        if there * 8 < (touched * 8).min(skip + wanted) * self.width {
            return Err(broken("a page ends too early"));
        }
        let start = into.len();
        self.unpack(touched, there, into);
        into.drain(start..start + skip);
        let read = (touched * 8 - skip).min(wanted);
        into.truncate(start + read);
        let passed = (skip + read) / 8;
        self.at = (self.at + passed * self.width).min(self.data.len());
        Ok(Run::Packed { groups: groups - passed, skip: (skip + read) % 8 })
    }

    /// Appends `groups` groups, of which `there` bytes are there.
    fn unpack(&self, groups: usize, there: usize, into: &mut Vec<u32>) {
        let start = into.len();
        into.resize(start + groups * 8, 0);
        if self.width == 0 {
            return;
        }
        let data = self.rest();
        let whole = data.len().saturating_sub(PADDING) / self.width;
        let (safe, last) = into[start..].split_at_mut(whole.min(groups) * 8);
        let unpack = UNPACK[self.width];
        unpack(data, safe);
        let rest = &data[(safe.len() / 8 * self.width).min(there)..there];
        if !last.is_empty() {
            let mut padded = rest.to_vec();
            padded.resize(last.len() / 8 * self.width + PADDING, 0);
            unpack(&padded, last);
        }
    }
}

/// Unpacks groups of eight numbers of `WIDTH` bits; `data` has [`PADDING`] more bytes than they take.
fn unpack<const WIDTH: usize>(data: &[u8], into: &mut [u32]) {
    let mask = ((1_u64 << WIDTH) - 1) as u32;
    for (group, numbers) in into.chunks_exact_mut(8).enumerate() {
        let bytes = &data[group * WIDTH..][..WIDTH + PADDING];
        for (place, number) in numbers.iter_mut().enumerate() {
            let word: [u8; 8] = bytes[place * WIDTH / 8..][..8].try_into().expect("eight bytes");
            *number = (u64::from_le_bytes(word) >> (place * WIDTH % 8)) as u32 & mask;
        }
    }
}

type Unpack = fn(&[u8], &mut [u32]);

/// [`unpack`] by width, each with its own shifts.
const UNPACK: [Unpack; 33] = [
    unpack::<0>,
    unpack::<1>,
    unpack::<2>,
    unpack::<3>,
    unpack::<4>,
    unpack::<5>,
    unpack::<6>,
    unpack::<7>,
    unpack::<8>,
    unpack::<9>,
    unpack::<10>,
    unpack::<11>,
    unpack::<12>,
    unpack::<13>,
    unpack::<14>,
    unpack::<15>,
    unpack::<16>,
    unpack::<17>,
    unpack::<18>,
    unpack::<19>,
    unpack::<20>,
    unpack::<21>,
    unpack::<22>,
    unpack::<23>,
    unpack::<24>,
    unpack::<25>,
    unpack::<26>,
    unpack::<27>,
    unpack::<28>,
    unpack::<29>,
    unpack::<30>,
    unpack::<31>,
    unpack::<32>,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit-packs numbers, eight by eight, the lowest bit first.
    fn packed(numbers: &[u32], width: usize) -> Vec<u8> {
        let groups = numbers.len().div_ceil(8);
        let mut bytes = vec![0; groups * width];
        for (place, number) in numbers.iter().enumerate() {
            for bit in (0..width).filter(|bit| number >> bit & 1 == 1) {
                let at = place * width + bit;
                bytes[at / 8] |= 1 << (at % 8);
            }
        }
        [head(groups << 1 | 1), bytes].concat()
    }

    fn same(number: u32, count: usize, width: usize) -> Vec<u8> {
        [head(count << 1), number.to_le_bytes()[..width.div_ceil(8)].to_vec()].concat()
    }

    fn head(mut number: usize) -> Vec<u8> {
        let mut bytes = vec![];
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    fn numbers(count: usize, width: usize) -> Vec<u32> {
        let mask = ((1_u64 << width) - 1) as u32;
        (1..=count as u32).map(|i| i.wrapping_mul(0x9e37_79b9) & mask).collect()
    }

    #[test]
    fn every_width_in_every_portion() {
        for width in 1..=32 {
            let (some, more) = (numbers(72, width), numbers(21, width));
            let data = [packed(&some, width), same(some[3], 300, width), packed(&more, width)].concat();
            let wanted = [some.clone(), vec![some[3]; 300], more].concat();
            for portion in [1, 5, 8, 100, wanted.len()] {
                let mut runs = RunDecoder::new(data.clone().into(), width as u8).unwrap();
                let mut read = vec![];
                while read.len() < wanted.len() {
                    runs.read(portion.min(wanted.len() - read.len()), &mut read).unwrap();
                }
                assert_eq!(read, wanted, "width {width}, portion {portion}");
            }
            for skipped in [1, 9, 75, 390] {
                let mut runs = RunDecoder::new(data.clone().into(), width as u8).unwrap();
                let mut read = vec![];
                runs.read(2, &mut read).unwrap();
                runs.skip(skipped - 1).unwrap();
                runs.read(1, &mut read).unwrap();
                assert_eq!(read, [wanted[0], wanted[1], wanted[skipped + 1]]);
            }
        }
    }

    #[test]
    fn one_run_is_seen_as_such() {
        let data = [same(1, 100, 1), packed(&[1, 0, 1], 1)].concat();
        let mut runs = RunDecoder::new(data.into(), 1).unwrap();
        assert_eq!((runs.same(100).unwrap(), runs.same(101).unwrap()), (Some(1), None));
        runs.skip(100).unwrap();
        assert_eq!(runs.same(1).unwrap(), None);
    }

    #[test]
    fn what_ends_too_early_is_an_error() {
        let mut runs = RunDecoder::new(packed(&numbers(16, 7), 7)[..9].to_vec().into(), 7).unwrap();
        assert!(runs.read(16, &mut vec![]).is_err());
        assert!(RunDecoder::new(Bytes::new(), 3).unwrap().read(1, &mut vec![]).is_err());
        assert!(RunDecoder::new(Bytes::new(), 33).is_err());
    }
}
