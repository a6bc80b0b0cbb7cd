//! The header of an `.npy` array: a magic number, a version, and a Python dictionary of which
//! exactly three keys are allowed, as in `numpy.lib.format`.
//!
//! Parsed here and not by npyz, whose header parser multiplies the shape without a check (a panic
//! or a wrong product), takes time exponential in the nesting of brackets, and allocates what the
//! header's length field says. It serves as an oracle in the tests.

use std::io::{self, Read};
use std::path::Path;

use crate::element::{ByteOrder, Element};
use crate::error::{IoError, shown};
use crate::layout::{Layout, MOST_DIMENSIONS, n_elements, to_usize_shape};

pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy itself stops at 10,000 unless told otherwise; only structured types come near.
const MOST_HEADER_BYTES: usize = 1 << 16;

/// What a header says, checked in itself.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) shape: Vec<usize>,
    /// The type in the words of safetensors, or else NumPy's.
    pub(crate) dtype: String,
    pub(crate) element: Option<Element>,
    pub(crate) layout: Layout,
    /// Where the data begin, counted from the magic number.
    pub(crate) data_start: u64,
    /// Bytes of the data; none for types that are not read.
    pub(crate) n_data_bytes: Option<u64>,
}

/// Reads a header from the start of an array. `part` names the member of an archive, or is empty.
pub(crate) fn read_header(
    reader: &mut dyn Read,
    path: &Path,
    format: &'static str,
    part: &str,
) -> Result<Header, IoError> {
    let malformed = |reason: String| {
        let within = if part.is_empty() {
            String::new()
        } else {
            format!("in `{}`, ", shown(part))
        };
        IoError::malformed(path, format, format!("{within}{reason}"))
    };
    let failed = |what: &str, e: &io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => malformed(format!("it ends within {what}")),
        _ => malformed(format!("{what} cannot be read: {e}")),
    };

    let mut start = [0; 8];
    reader
        .read_exact(&mut start)
        .map_err(|e| failed("the magic number", &e))?;
    if !start.starts_with(MAGIC) {
        return Err(malformed(
            "it does not begin with the magic number \\x93NUMPY".to_owned(),
        ));
    }
    let mut length = [0; 4];
    let n_length = match start[6] {
        1 => 2,
        2 | 3 => 4,
        version => {
            return Err(malformed(format!(
                "its format version is {version}, 1 to 3 are known"
            )));
        }
    };
    reader
        .read_exact(&mut length[..n_length])
        .map_err(|e| failed("the header's length", &e))?;
    let n = u32::from_le_bytes(length) as usize;
    if n > MOST_HEADER_BYTES {
        return Err(malformed(format!(
            "its header has {n} bytes, at most {MOST_HEADER_BYTES} are read"
        )));
    }
    let mut text = vec![0; n];
    reader
        .read_exact(&mut text)
        .map_err(|e| failed("its header", &e))?;

    let literal = parse(&text).map_err(&malformed)?;
    let too_large = || {
        malformed(format!(
            "its shape {:?} is too large to count",
            literal.shape
        ))
    };
    let shape = to_usize_shape(&literal.shape).ok_or_else(too_large)?;
    let n_elements = n_elements(&shape).ok_or_else(too_large)?;
    let (dtype, element, byte_order) = interpret(&literal.descr);
    let n_data_bytes = match element {
        Some(element) => Some(
            n_elements
                .checked_mul(element.n_bytes())
                .ok_or_else(too_large)?,
        ),
        None => None,
    };
    Ok(Header {
        shape,
        dtype,
        element,
        layout: Layout {
            byte_order,
            fortran: literal.fortran_order,
        },
        data_start: (start.len() + n_length + n) as u64,
        n_data_bytes,
    })
}

/// The bytes before the data of an array in C order.
pub(crate) fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let lengths: String = shape.iter().map(|n| format!("{n}, ")).collect();
    // A tuple of one needs its comma, one of several must not have the last.
    let lengths = match shape.len() {
        1 => lengths.trim_end(),
        _ => lengths.trim_end_matches(", "),
    };
    let mut text =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({lengths}), }}")
            .into_bytes();
    let before = MAGIC.len() + 4;
    // NumPy aligns the data to 64 bytes and ends the header with a line's end.
    text.resize(
        (before + text.len() + 1).next_multiple_of(64) - before - 1,
        b' ',
    );
    text.push(b'\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text);
    bytes
}

/// The three values of the dictionary.
#[derive(Debug, PartialEq)]
struct Literal {
    descr: String,
    fortran_order: bool,
    shape: Vec<u64>,
}

/// NumPy's type string to a name, a readable element if it is one, and the byte order.
fn interpret(descr: &str) -> (String, Option<Element>, ByteOrder) {
    let (order, kind) = match descr.split_at_checked(1) {
        Some(("<" | "|", kind)) => (ByteOrder::Little, kind),
        Some((">", kind)) => (ByteOrder::Big, kind),
        _ => return (descr.to_owned(), None, ByteOrder::Little),
    };
    let element = match kind {
        "f8" => Some(Element::F64),
        "f4" => Some(Element::F32),
        "f2" => Some(Element::F16),
        _ => None,
    };
    let name = match kind {
        "b1" => "BOOL",
        "i1" => "I8",
        "i2" => "I16",
        "i4" => "I32",
        "i8" => "I64",
        "u1" => "U8",
        "u2" => "U16",
        "u4" => "U32",
        "u8" => "U64",
        "c8" => "C64",
        _ => element.map_or(descr, |element| element.name()),
    };
    (name.to_owned(), element, order)
}

/// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }` in one pass without
/// recursion; the error says what was expected and where.
fn parse(text: &[u8]) -> Result<Literal, String> {
    let mut p = Parser { text, at: 0 };
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    p.expect(b'{')?;
    while !p.take(b'}') {
        let key = p.string()?;
        p.expect(b':')?;
        let repeated = match key {
            "descr" => descr.replace(p.descr()?).is_some(),
            "fortran_order" => fortran_order.replace(p.boolean()?).is_some(),
            "shape" => shape.replace(p.shape()?).is_some(),
            _ => return Err(format!("its header has the unknown key '{}'", shown(key))),
        };
        if repeated {
            return Err(format!("its header has the key '{key}' twice"));
        }
        if !p.take(b',') {
            p.expect(b'}')?;
            break;
        }
    }
    p.skip_space();
    if p.at < text.len() {
        return Err(p.error("the end of the header"));
    }
    let missing = |key: &str| format!("its header lacks the key '{key}'");
    Ok(Literal {
        descr: descr.ok_or_else(|| missing("descr"))?,
        fortran_order: fortran_order.ok_or_else(|| missing("fortran_order"))?,
        shape: shape.ok_or_else(|| missing("shape"))?,
    })
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, expected: &str) -> String {
        format!("expected {expected} at byte {} of its header", self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.error(&format!("`{}`", char::from(byte))))
        }
    }

    /// A string without escapes: no key and no type of NumPy's has one.
    fn string(&mut self) -> Result<&'a str, String> {
        self.skip_space();
        let quote = match self.peek() {
            Some(quote @ (b'\'' | b'"')) => quote,
            _ => return Err(self.error("a string")),
        };
        let rest = &self.text[self.at + 1..];
        let end = rest.iter().position(|b| *b == quote || *b == b'\\');
        match end.map(|end| (std::str::from_utf8(&rest[..end]), rest[end], end)) {
            Some((Ok(string), found, end)) if found == quote => {
                self.at += end + 2;
                Ok(string)
            }
            _ => Err(self.error("a plain string")),
        }
    }

    fn boolean(&mut self) -> Result<bool, String> {
        self.skip_space();
        for (word, value) in [("True", true), ("False", false)] {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.error("True or False"))
    }

    fn shape(&mut self) -> Result<Vec<u64>, String> {
        self.expect(b'(')?;
        let mut shape = Vec::new();
        let mut comma = true;
        while !self.take(b')') {
            if shape.len() == MOST_DIMENSIONS {
                return Err(self.error(&format!("at most {MOST_DIMENSIONS} dimensions")));
            }
            if !comma {
                return Err(self.error("`,` or `)`"));
            }
            shape.push(self.integer()?);
            comma = self.take(b',');
        }
        // Python reads `(3)` as a number.
        if shape.len() == 1 && !comma {
            return Err(self.error("a tuple: `(3,)`"));
        }
        Ok(shape)
    }

    fn integer(&mut self) -> Result<u64, String> {
        self.skip_space();
        let digits = self.text[self.at..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        let value = std::str::from_utf8(&self.text[self.at..self.at + digits])
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| self.error("a dimension from 0 to 2^64 - 1"))?;
        self.at += digits;
        // Python 2 wrote `3L`.
        self.at += usize::from(self.peek() == Some(b'L'));
        Ok(value)
    }

    /// A type string, or the word `structured` for a list of fields, which is skipped.
    fn descr(&mut self) -> Result<String, String> {
        self.skip_space();
        if !matches!(self.peek(), Some(b'[' | b'(')) {
            return Ok(self.string()?.to_owned());
        }
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'[' | b'(') => depth += 1,
                Some(b']' | b')') => depth -= 1,
                Some(b'\'' | b'"') => {
                    self.string()?;
                    continue;
                }
                Some(_) => {}
                None => return Err(self.error("the end of a list of fields")),
            }
            self.at += 1;
            if depth == 0 {
                return Ok("structured".to_owned());
            }
        }
    }
}
