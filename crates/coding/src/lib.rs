//! Content codings of HTTP bodies (RFC 9110, section 8.4.1): gzip, deflate, brotli and zstd.
//!
//! Decoding stops at a limit, so that a small body cannot unpack to any size, and asks for memory
//! before it uses it.
//!
//! ```
//! use standin_coding::ContentCoding;
//!
//! let coding = ContentCoding::parse("gzip").expect("gzip is known");
//! let packed = coding.encode(b"text");
//! assert_eq!(coding.decode(&packed, 1000).as_deref(), Some(&b"text"[..]));
//! assert_eq!(coding.decode(&packed, 3), None);
//! ```

use std::borrow::Cow;
use std::io::{Read, Write as _};

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};

/// A content coding that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCoding {
    /// No coding: `identity`, or no Content-Encoding at all.
    Identity,
    /// One or more gzip members: `gzip` or `x-gzip`.
    Gzip,
    /// The zlib format: `deflate`. A bare deflate stream is decoded too, since some servers send it
    /// under this name.
    Deflate,
    /// Brotli (RFC 7932): `br`.
    Brotli,
    /// One or more Zstandard frames (RFC 8878): `zstd`.
    Zstd,
}

impl ContentCoding {
    /// Returns the coding of a lower-case Content-Encoding; `None` if it is unknown.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Returns whether a body begins with the magic number of gzip.
    pub fn is_gzip(body: &[u8]) -> bool {
        body.starts_with(&[0x1f, 0x8b])
    }

    /// Decodes a body. Returns `None` if it does not have this coding, or unpacks to more than
    /// `max_bytes` bytes. An identity body is returned whatever its size.
    pub fn decode(self, body: &[u8], max_bytes: usize) -> Option<Cow<'_, [u8]>> {
        self.decode_reserving(body, max_bytes, |_| true)
    }

    /// Decodes a body as [`ContentCoding::decode`] does, and calls `reserve` with a number of bytes
    /// before the buffer grows by it. Returns `None` if `reserve` returns false.
    pub fn decode_reserving(
        self,
        body: &[u8],
        max_bytes: usize,
        mut reserve: impl FnMut(usize) -> bool,
    ) -> Option<Cow<'_, [u8]>> {
        let reserve = &mut reserve;
        match self {
            Self::Identity => Some(Cow::Borrowed(body)),
            Self::Gzip => read_bounded(MultiGzDecoder::new(body), max_bytes, reserve).map(Cow::Owned),
            Self::Deflate => read_bounded(ZlibDecoder::new(body), max_bytes, reserve)
                .or_else(|| read_bounded(DeflateDecoder::new(body), max_bytes, reserve))
                .map(Cow::Owned),
            Self::Brotli => {
                let decoder = brotli::Decompressor::new(body, BROTLI_BUFFER_BYTES);
                read_bounded(decoder, max_bytes, reserve).map(Cow::Owned)
            }
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(body).ok()?;
                decoder.window_log_max(ZSTD_MAX_WINDOW_LOG).ok()?;
                read_bounded(decoder, max_bytes, reserve).map(Cow::Owned)
            }
        }
    }

    /// Encodes a body, with a compression level that servers use for responses.
    ///
    /// # Panics
    ///
    /// Never: writing to memory does not fail.
    pub fn encode(self, body: &[u8]) -> Vec<u8> {
        let buffer = || Vec::with_capacity(body.len() / 2);
        let encoded = match self {
            Self::Identity => Ok(body.to_vec()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(buffer(), Compression::default());
                encoder.write_all(body).and_then(|()| encoder.finish())
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(buffer(), Compression::default());
                encoder.write_all(body).and_then(|()| encoder.finish())
            }
            Self::Brotli => {
                let parameters = BrotliEncoderParams { quality: BROTLI_QUALITY, ..BrotliEncoderParams::default() };
                let mut encoded = buffer();
                brotli::BrotliCompress(&mut &*body, &mut encoded, &parameters).map(|_| encoded)
            }
            Self::Zstd => zstd::encode_all(body, zstd::DEFAULT_COMPRESSION_LEVEL),
        };
        encoded.expect("writing to memory cannot fail")
    }
}

/// Reads at most `max_bytes` bytes; `None` if there are more, or an error.
fn read_bounded(reader: impl Read, max_bytes: usize, reserve: &mut impl FnMut(usize) -> bool) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut reader = reader.take((max_bytes as u64).saturating_add(1));
    loop {
        // as much again as there is, so that the buffer grows by doubling
        let more = decoded.len().max(INITIAL_BUFFER_BYTES);
        if !reserve(more) {
            return None;
        }
        decoded.reserve_exact(more);
        let read = reader.by_ref().take(more as u64).read_to_end(&mut decoded).ok()?;
        if decoded.len() > max_bytes {
            return None;
        }
        if read < more {
            return Some(decoded);
        }
    }
}

/// Size of the buffer, in bytes, with which decoding begins.
const INITIAL_BUFFER_BYTES: usize = 16 << 10;

/// Size of the input buffer of the brotli decoder, in bytes.
const BROTLI_BUFFER_BYTES: usize = 4 << 10;

/// Quality of brotli, from 0 to 11.
const BROTLI_QUALITY: i32 = 5;

/// Largest window of zstd that HTTP allows: 8 MiB (RFC 9659).
const ZSTD_MAX_WINDOW_LOG: u32 = 23;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_round_trip() {
        let body = b"some text, some text, some text".repeat(3000);
        for name in ["", "identity", "gzip", "x-gzip", "deflate", "br", "zstd"] {
            let coding = ContentCoding::parse(name).expect(name);
            let encoded = coding.encode(&body);
            assert_eq!(coding.decode(&encoded, body.len()).as_deref(), Some(&body[..]), "{name}");
            if coding != ContentCoding::Identity {
                assert!(encoded.len() < body.len() / 10, "{name}");
                assert_eq!(coding.decode(&encoded, body.len() - 1), None, "{name}");
                assert_eq!(coding.decode(b"not encoded", 1000), None, "{name}");
            }
        }
        assert_eq!(ContentCoding::parse("compress"), None);
    }

    #[test]
    fn a_body_that_is_cut_off_is_not_decoded() {
        let body: Vec<u8> = (0..60_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
        for name in ["gzip", "deflate", "br", "zstd"] {
            let coding = ContentCoding::parse(name).expect(name);
            let encoded = coding.encode(&body);
            assert_eq!(coding.decode(&encoded[..encoded.len() / 2], body.len()), None, "{name}");
            assert_eq!(coding.decode(&coding.encode(b""), 0).as_deref(), Some(&b""[..]), "{name}");
        }
    }

    #[test]
    fn deflate_without_the_zlib_wrapper_is_decoded() {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"bare").expect("memory");
        let bare = encoder.finish().expect("memory");
        assert_eq!(ContentCoding::Deflate.decode(&bare, 100).as_deref(), Some(&b"bare"[..]));
    }

    #[test]
    fn members_of_gzip_are_joined() {
        let two = [ContentCoding::Gzip.encode(b"one "), ContentCoding::Gzip.encode(b"two")].concat();
        assert!(ContentCoding::is_gzip(&two));
        assert_eq!(ContentCoding::Gzip.decode(&two, 100).as_deref(), Some(&b"one two"[..]));
    }

    #[test]
    fn memory_is_reserved_before_it_is_used() {
        let packed = ContentCoding::Gzip.encode(&vec![0; 100_000]);
        let mut reserved = 0;
        let unpacked = ContentCoding::Gzip.decode_reserving(&packed, 1 << 20, |more| {
            reserved += more;
            true
        });
        assert_eq!(unpacked.map(|bytes| bytes.len()), Some(100_000));
        assert_eq!(reserved, 128 << 10);
        assert_eq!(ContentCoding::Gzip.decode_reserving(&packed, 1 << 20, |_| false), None);
    }
}
