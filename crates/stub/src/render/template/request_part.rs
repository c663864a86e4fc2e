//! The parts of a request that templates can name.

/// A part of the request with named properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestPart {
    /// The root of every template: `request` and `parameters`.
    Root,
    Request,
    /// `request.requestLine`: the older name of some properties.
    RequestLine,
    Headers,
    Query,
    Cookies,
    /// The parts of a multipart body, by name.
    Pieces,
    Piece(usize),
    PieceHeaders(usize),
}
