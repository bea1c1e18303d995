//! Records of a CSV file, one after the other, in fixed memory: columns by name, the line where each record starts.
//! What the columns mean is not known here.

use std::io::Read;
use std::path::{Path, PathBuf};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::ImportError;
use super::decode::{Encoding, Text};

/// The most bytes that the fields of one record may have together: far above what the rules allow, far below what
/// would hurt. A quote that nobody closed ends here rather than in the whole file in memory.
pub(crate) const MAX_RECORD_BYTES: usize = 256 * 1024;
const MAX_FIELDS: usize = 256;
const CHUNK: usize = 64 * 1024;

/// Where a column that the import knows stands in a file, in the order in which the import names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns<const N: usize> {
    places: [Option<usize>; N],
    width: usize,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The line on which it starts; the header is on line 1.
    pub(crate) line: u64,
    /// Its fields, in the order of the file; or why they were not kept. The file goes on after the record's end.
    pub(crate) fields: Result<Vec<Box<str>>, Broken>,
}

/// Why the fields of a record were not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the row is longer than {} KiB; is a quote left open?", MAX_RECORD_BYTES / 1024)]
    TooLong,
    #[error("the row has more than {MAX_FIELDS} fields")]
    TooWide,
    #[error("a quote that is opened in this row is never closed, so all that follows is part of it")]
    OpenQuote,
    #[error("the row is not text")]
    NotText,
}

impl Record {
    fn is_blank(&self) -> bool {
        self.fields.as_ref().is_ok_and(|fields| fields.iter().all(|field| field.trim().is_empty()))
    }
}

/// A CSV file whose header was read.
pub(crate) struct CsvFile {
    path: PathBuf,
    text: Text,
    encoding: Encoding,
    reader: Reader,
    chunk: Box<[u8]>,
    unread: std::ops::Range<usize>,
    at_end: bool,
    line: u64,
    last_was_cr: bool,
    output: Box<[u8]>,
    ends: [usize; MAX_FIELDS],
    header: Vec<Box<str>>,
}

impl CsvFile {
    /// Opens a file and reads its header.
    pub(crate) fn open(path: &Path) -> Result<Self, ImportError> {
        let (text, encoding) = Text::open(path)?;
        let mut file = Self {
            path: path.to_owned(),
            text,
            encoding,
            reader: Reader::new(),
            chunk: vec![0; CHUNK].into(),
            unread: 0..0,
            at_end: false,
            line: 1,
            last_was_cr: false,
            output: vec![0; MAX_RECORD_BYTES].into(),
            ends: [0; MAX_FIELDS],
            header: Vec::new(),
        };
        file.fill()?;
        let delimiter = delimiter(&file.chunk[file.unread.clone()]);
        file.reader = ReaderBuilder::new().delimiter(delimiter).build();
        match file.next()? {
            Some(Record { fields: Ok(fields), .. }) => file.header = fields,
            Some(Record { fields: Err(broken), line }) => {
                return Err(ImportError::BrokenHeader { path: path.to_owned(), line, broken });
            }
            None => return Err(ImportError::NoHeader { path: path.to_owned() }),
        }
        Ok(file)
    }

    /// The path as it was given.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How its bytes are read.
    pub(crate) const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The size of the file in bytes, and how many of them were read.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.text.size, self.text.consumed)
    }

    /// Finds `known` columns by name, whatever the letter case and the order. Hands back the places, and the names in
    /// the file that nobody knows.
    pub(crate) fn columns<const N: usize>(
        &self,
        known: [&str; N],
        needed: &[&'static str],
    ) -> Result<(Columns<N>, Vec<Box<str>>), ImportError> {
        let mut places = [None; N];
        let mut unknown = Vec::new();
        for (at, title) in self.header.iter().enumerate() {
            let title = title.trim();
            match known.iter().position(|name| name.eq_ignore_ascii_case(title)) {
                Some(name) if places[name].is_some() => {
                    return Err(ImportError::ColumnTwice { path: self.path.clone(), column: known[name].to_owned() });
                }
                Some(name) => places[name] = Some(at),
                None if title.is_empty() => {}
                None => unknown.push(title.into()),
            }
        }
        let is_there = |name: &&str| known.iter().zip(&places).any(|(known, place)| known == name && place.is_some());
        let missing: Vec<&str> = needed.iter().copied().filter(|name| !is_there(name)).collect();
        if !missing.is_empty() {
            return Err(ImportError::ColumnsMissing {
                path: self.path.clone(),
                missing: missing.join(", "),
                found: self.header.join(", ").chars().take(200).collect(),
            });
        }
        Ok((Columns { places, width: self.header.len() }, unknown))
    }

    /// The next record that is not blank.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, ImportError> {
        loop {
            match self.next_raw()? {
                Some(record) if record.is_blank() && !self.header.is_empty() => {}
                next => return Ok(next),
            }
        }
    }

    fn next_raw(&mut self) -> Result<Option<Record>, ImportError> {
        if !self.skip_line_ends()? {
            return Ok(None);
        }
        let line = self.line;
        let (mut written, mut fields, mut broken) = (0, 0, None);
        loop {
            // The end of the file ends the last record as a line break would; where that does not, a quote is open.
            let at_end = self.unread.is_empty();
            let input: &[u8] = if at_end { b"\n" } else { &self.chunk[self.unread.clone()] };
            let (result, read, wrote, ended) =
                self.reader.read_record(input, &mut self.output[written..], &mut self.ends[fields..]);
            if !at_end {
                self.consume(read);
            }
            written += wrote;
            fields += ended;
            match result {
                ReadRecordResult::Record => {
                    let fields = broken.map_or_else(|| self.fields(fields), Err);
                    return Ok(Some(Record { line, fields }));
                }
                ReadRecordResult::InputEmpty if at_end => {
                    return Ok(Some(Record { line, fields: Err(Broken::OpenQuote) }));
                }
                ReadRecordResult::InputEmpty => self.fill()?,
                // What comes of the record is read all the same, over what was kept, to find where it ends.
                ReadRecordResult::OutputFull => (broken, written) = (broken.or(Some(Broken::TooLong)), 0),
                ReadRecordResult::OutputEndsFull => (broken, fields) = (broken.or(Some(Broken::TooWide)), 0),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn fields(&self, count: usize) -> Result<Vec<Box<str>>, Broken> {
        let mut start = 0;
        let mut fields = Vec::with_capacity(count);
        for &end in &self.ends[..count] {
            let text = std::str::from_utf8(&self.output[start..end]).map_err(|_| Broken::NotText)?;
            fields.push(text.into());
            start = end;
        }
        Ok(fields)
    }

    /// Goes to where the next record starts, so that its line is known. False at the end of the file.
    fn skip_line_ends(&mut self) -> Result<bool, ImportError> {
        loop {
            let unread = &self.chunk[self.unread.clone()];
            let ends = unread.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let more = ends < unread.len();
            self.consume(ends);
            if more {
                return Ok(true);
            }
            if self.at_end {
                return Ok(false);
            }
            self.fill()?;
        }
    }

    /// Counts the lines of what was read: `\n`, `\r\n` and `\r` end one each.
    fn consume(&mut self, read: usize) {
        for &byte in &self.chunk[self.unread.start..self.unread.start + read] {
            if byte == b'\r' || (byte == b'\n' && !self.last_was_cr) {
                self.line += 1;
            }
            self.last_was_cr = byte == b'\r';
        }
        self.unread.start += read;
    }

    fn fill(&mut self) -> Result<(), ImportError> {
        let mut filled = 0;
        while filled < self.chunk.len() && !self.at_end {
            let read = self
                .text
                .read(&mut self.chunk[filled..])
                .map_err(|source| ImportError::Read { path: self.path.clone(), source })?;
            filled += read;
            self.at_end = read == 0;
        }
        self.unread = 0..filled;
        Ok(())
    }
}

impl<const N: usize> Columns<N> {
    /// The fields of a record in the order in which the import names the columns, `""` where the file has no such
    /// column. An error says how the record does not fit the header.
    pub(crate) fn pick<'r>(&self, record: &'r Record) -> Result<[&'r str; N], String> {
        let fields = record.fields.as_ref().map_err(Broken::to_string)?;
        if fields.len() != self.width {
            return Err(format!("the row has {} fields, the header has {}", fields.len(), self.width));
        }
        Ok(self.places.map(|place| place.map_or("", |at| &*fields[at])))
    }
}

/// The delimiter of a file: whichever of comma and semicolon its first line has more of, outside quotes.
fn delimiter(start: &[u8]) -> u8 {
    let (mut commas, mut semicolons, mut quoted) = (0, 0, false);
    for byte in start.iter().skip_while(|byte| matches!(byte, b'\r' | b'\n')) {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => commas += 1,
            b';' if !quoted => semicolons += 1,
            b'\r' | b'\n' if !quoted => break,
            _ => {}
        }
    }
    if semicolons > commas { b';' } else { b',' }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn open(bytes: &[u8]) -> Result<CsvFile, ImportError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        CsvFile::open(file.path())
    }

    fn records(bytes: &[u8]) -> Vec<(u64, Vec<String>)> {
        let mut file = open(bytes).unwrap();
        std::iter::from_fn(|| file.next().unwrap())
            .map(|record| (record.line, record.fields.unwrap().iter().map(ToString::to_string).collect()))
            .collect()
    }

    #[test]
    fn the_line_is_where_the_record_starts_whatever_ends_the_lines() {
        for end in ["\n", "\r\n", "\r"] {
            let text = "a,b\n1,\"x\ny\"\n\n\n2,z\n".replace('\n', end);
            let lines = records(text.as_bytes());
            assert_eq!(lines[0], (2, vec!["1".to_owned(), format!("x{end}y")]), "{end:?}");
            assert_eq!(lines[1], (6, vec!["2".to_owned(), "z".to_owned()]), "{end:?}");
            assert_eq!(lines.len(), 2);
        }
    }

    #[test]
    fn the_last_record_needs_no_line_break_and_blank_records_are_none() {
        assert_eq!(records(b"a,b\n1,2"), [(2, vec!["1".to_owned(), "2".to_owned()])]);
        assert_eq!(records(b"a,b\n,\n  ,\n1,\n").len(), 1);
        assert_eq!(records(b"a,b\n"), []);
    }

    #[test]
    fn the_delimiter_is_looked_for_outside_quotes() {
        assert_eq!(delimiter(b"name,email\n1;2;3;4"), b',');
        assert_eq!(delimiter(b"name;email"), b';');
        assert_eq!(delimiter(b"\"a,b,c,d\";email"), b';');
        assert_eq!(delimiter(b"\"a;b\n;c\",email,x"), b',');
        assert_eq!(records(b"a;b\n\"1;5\";2,5\n")[0].1, ["1;5", "2,5"]);
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let file = open(b"Email, NAME ,extra\n").unwrap();
        let (columns, unknown) = file.columns(["name", "email", "phone"], &["name", "email"]).unwrap();
        assert_eq!((columns.places, unknown), ([Some(1), Some(0), None], vec!["extra".into()]));
        let missing = file.columns(["name", "mail", "phone"], &["name", "mail", "phone"]).unwrap_err().to_string();
        assert!(missing.contains("mail, phone"), "{missing}");
        assert!(open(b"name,name\n").unwrap().columns(["name"], &[]).is_err());
        assert!(matches!(open(b"\n\n"), Err(ImportError::NoHeader { .. })));
    }

    #[test]
    fn a_record_that_is_too_much_is_left_out_and_the_file_goes_on() {
        let outcome = |bytes: &[u8]| {
            let mut file = open(bytes).unwrap();
            let next = || file.next().unwrap().map(|record| (record.line, record.fields.map(|fields| fields.len())));
            std::iter::from_fn(next).collect::<Vec<_>>()
        };
        assert_eq!(outcome(b"a\n1\n\"2\n3\n"), [(2, Ok(1)), (3, Err(Broken::OpenQuote))]);
        let long = [b"a\n\"".as_slice(), &b"x\n".repeat(MAX_RECORD_BYTES), b"\"\n1\n"].concat();
        let after = 3 + MAX_RECORD_BYTES as u64;
        assert_eq!(outcome(&long), [(2, Err(Broken::TooLong)), (after, Ok(1))]);
        let wide = [b"a\n".as_slice(), &b",".repeat(1_000), b"\n1\n"].concat();
        assert_eq!(outcome(&wide), [(2, Err(Broken::TooWide)), (3, Ok(1))]);
        let never_closed = [b"a\n\"".as_slice(), &b"x\n".repeat(MAX_RECORD_BYTES)].concat();
        assert_eq!(outcome(&never_closed), [(2, Err(Broken::OpenQuote))]);
        assert!(matches!(open(b"\"a\n1\n"), Err(ImportError::BrokenHeader { broken: Broken::OpenQuote, line: 1, .. })));
    }

    #[test]
    fn records_longer_than_a_chunk_are_whole() {
        let long = "ñ".repeat(CHUNK);
        let text = format!("a;b\n1;\"{long}\"\n2;{long}\n");
        let read = records(text.as_bytes());
        assert_eq!((read[0].1[1].as_str(), read[1].1[1].as_str()), (long.as_str(), long.as_str()));
    }
}
