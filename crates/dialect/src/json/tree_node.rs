//! The nodes of a [`JsonTree`](super::JsonTree).

/// A value, or the name of a member that stands before its value.
#[derive(Clone, Copy)]
pub(super) struct TreeNode {
    /// Offset of the first byte in the text. The byte tells the kind of the value.
    pub(super) start: u32,
    /// Number of nodes of a list or object, itself included; number of bytes of a scalar, without
    /// quotes.
    pub(super) extent: u32,
}

/// The kind of a value of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TreeKind {
    Null,
    False,
    True,
    Number,
    String,
    Array,
    Object,
}

impl TreeKind {
    /// Returns the kind of the value that begins with this byte.
    pub(super) fn of(first: u8) -> Self {
        match first {
            b'n' => Self::Null,
            b'f' => Self::False,
            b't' => Self::True,
            b'"' => Self::String,
            b'[' => Self::Array,
            b'{' => Self::Object,
            _ => Self::Number,
        }
    }

    pub(super) fn is_container(self) -> bool {
        matches!(self, Self::Array | Self::Object)
    }
}
