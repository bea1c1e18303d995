//! Which file this is: its encoding and its delimiter, found before the first row is read. No CSV here.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use encoding_rs::{Decoder, WINDOWS_1252};

use super::ImportError;

const CHUNK: usize = 64 * 1024;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How the bytes of a file become text. Decided for the whole file: one row is never read differently from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Valid UTF-8 from start to end, with or without a byte order mark.
    Utf8,
    /// Anything else: what Windows programs in Spanish write.
    Windows1252,
}

/// A file opened for import, as UTF-8 without a byte order mark. Holds a few chunks in memory, whatever its size.
pub(crate) struct Text {
    file: File,
    decoder: Option<Decoder>,
    raw: Box<[u8]>,
    /// What `raw` says, as UTF-8. The decoder wants room for whole characters, which a caller need not have.
    decoded: Box<[u8]>,
    /// The part of `decoded` that nobody has read yet.
    unread: std::ops::Range<usize>,
    /// The size of the file in bytes.
    pub(crate) size: u64,
    /// How many bytes of the file were read.
    pub(crate) consumed: u64,
}

impl Text {
    /// Opens a file: reads it once to learn its encoding, and goes back to the start.
    pub(crate) fn open(path: &Path) -> Result<(Self, Encoding), ImportError> {
        let failed = |source| ImportError::Read { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() {
            return Err(ImportError::NotAFile { path: path.to_owned() });
        }
        let encoding = match sniff(&mut file).map_err(failed)? {
            Sniffed::Text(encoding) => encoding,
            Sniffed::Utf16 => return Err(ImportError::Utf16 { path: path.to_owned() }),
            Sniffed::Binary { line } => return Err(ImportError::NotText { path: path.to_owned(), line }),
        };
        let mut start = [0; 3];
        file.rewind().map_err(failed)?;
        let read = read_full(&mut file, &mut start).map_err(failed)?;
        let skip = if encoding == Encoding::Utf8 && &start[..read] == BOM { 3 } else { 0 };
        file.seek(SeekFrom::Start(skip)).map_err(failed)?;
        let decoder = (encoding == Encoding::Windows1252).then(|| WINDOWS_1252.new_decoder_without_bom_handling());
        // A character of windows-1252 takes at most three bytes in UTF-8.
        let room = if decoder.is_some() { CHUNK } else { 0 };
        let text = Self {
            file,
            decoder,
            raw: vec![0; room].into(),
            decoded: vec![0; room * 3].into(),
            unread: 0..0,
            size: meta.len(),
            consumed: skip,
        };
        Ok((text, encoding))
    }
}

impl Read for Text {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(decoder) = &mut self.decoder else {
            let read = self.file.read(buf)?;
            self.consumed += read as u64;
            return Ok(read);
        };
        if self.unread.is_empty() {
            let read = self.file.read(&mut self.raw)?;
            self.consumed += read as u64;
            let (_, _, written, _) = decoder.decode_to_utf8(&self.raw[..read], &mut self.decoded, false);
            self.unread = 0..written;
        }
        let count = self.unread.len().min(buf.len());
        buf[..count].copy_from_slice(&self.decoded[self.unread.start..self.unread.start + count]);
        self.unread.start += count;
        Ok(count)
    }
}

enum Sniffed {
    Text(Encoding),
    Utf16,
    Binary { line: u64 },
}

/// Reads the whole file: only all of it tells whether it is UTF-8.
fn sniff(file: &mut File) -> io::Result<Sniffed> {
    let mut buf = vec![0; CHUNK];
    // The bytes of a character that the last chunk cut.
    let mut cut = 0;
    let (mut utf8, mut line, mut first, mut has_bom) = (true, 1, true, false);
    loop {
        let read = read_full(file, &mut buf[cut..])?;
        let (fresh, end) = (&buf[cut..cut + read], cut + read);
        if first && (fresh.starts_with(b"\xff\xfe") || fresh.starts_with(b"\xfe\xff")) {
            return Ok(Sniffed::Utf16);
        }
        has_bom |= first && fresh.starts_with(BOM);
        first = false;
        if let Some(at) = fresh.iter().position(|&byte| byte == 0) {
            return Ok(Sniffed::Binary { line: line + newlines(&fresh[..at]) });
        }
        line += newlines(fresh);
        if utf8 {
            match std::str::from_utf8(&buf[..end]) {
                Ok(_) => cut = 0,
                Err(error) if error.error_len().is_none() && read > 0 => {
                    let kept = error.valid_up_to()..end;
                    cut = kept.len();
                    buf.copy_within(kept, 0);
                }
                // A byte order mark says that it is UTF-8.
                Err(error) if has_bom => {
                    let good = newlines(&buf[..error.valid_up_to()]);
                    return Ok(Sniffed::Binary { line: line - newlines(&buf[..end]) + good });
                }
                Err(_) => (utf8, cut) = (false, 0),
            }
        }
        if read == 0 {
            return Ok(Sniffed::Text(if utf8 { Encoding::Utf8 } else { Encoding::Windows1252 }));
        }
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// Reads until `buf` is full or the file ends.
fn read_full(file: &mut File, buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read(&mut buf[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn opened(bytes: &[u8]) -> Result<(String, Encoding), ImportError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let (mut text, encoding) = Text::open(file.path())?;
        let mut read = String::new();
        text.read_to_string(&mut read).unwrap();
        Ok((read, encoding))
    }

    #[test]
    fn utf_8_is_read_with_and_without_a_byte_order_mark() {
        assert_eq!(opened("Peñón".as_bytes()).unwrap(), ("Peñón".to_owned(), Encoding::Utf8));
        assert_eq!(opened("\u{feff}Peñón".as_bytes()).unwrap(), ("Peñón".to_owned(), Encoding::Utf8));
        assert_eq!(opened(b"").unwrap(), (String::new(), Encoding::Utf8));
    }

    #[test]
    fn what_is_not_utf_8_is_windows_1252_from_the_first_byte_on() {
        assert_eq!(opened(b"\xd1and\xfa \x80 5").unwrap(), ("Ñandú € 5".to_owned(), Encoding::Windows1252));
        // One byte that is no UTF-8, far behind: the n-tilde before it is then two letters of windows-1252.
        let mut bytes = "ñ".repeat(CHUNK).into_bytes();
        bytes.push(0xf1);
        let (text, encoding) = opened(&bytes).unwrap();
        assert_eq!(encoding, Encoding::Windows1252);
        assert!(text.starts_with("Ã±Ã±") && text.ends_with('ñ'));
        assert_eq!(text.chars().count(), 2 * CHUNK + 1);
    }

    #[test]
    fn a_character_cut_by_a_chunk_is_whole() {
        for shift in 0..4 {
            let text = format!("{}{}", "x".repeat(shift), "🚚".repeat(CHUNK));
            assert_eq!(opened(text.as_bytes()).unwrap(), (text, Encoding::Utf8), "{shift}");
        }
        assert_eq!(opened(b"caf\xc3").unwrap().1, Encoding::Windows1252);
    }

    #[test]
    fn a_file_that_is_not_text_is_refused_with_the_line() {
        assert!(matches!(opened(b"a\nb\nc\0d"), Err(ImportError::NotText { line: 3, .. })));
        assert!(matches!(opened(b"\xef\xbb\xbfa\nb\xf1\nc"), Err(ImportError::NotText { line: 2, .. })));
        assert!(matches!(opened(b"\xff\xfea\0"), Err(ImportError::Utf16 { .. })));
        assert!(matches!(Text::open(Path::new("/")), Err(ImportError::NotAFile { .. })));
    }
}
