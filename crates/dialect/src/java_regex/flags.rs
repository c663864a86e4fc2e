//! The flags of a Java pattern.

/// Flags that are in force from the start of a pattern; `(?i)` and the like change them from there
/// on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// The empty set of flags.
    pub const NONE: Self = Self(0);
    /// `i`: letters match in any case; ASCII letters only without `u`.
    pub const CASE_INSENSITIVE: Self = Self(1);
    /// `x`: white space and `# comments` are no part of the pattern.
    pub const COMMENTS: Self = Self(2);
    /// `s`: `.` matches line terminators too.
    pub const DOTALL: Self = Self(4);
    /// `m`: `^` and `$` match at lines.
    pub const MULTILINE: Self = Self(8);
    /// `u`: `i` is about all letters of Unicode.
    pub const UNICODE_CASE: Self = Self(16);
    /// `U`: `\d`, `\w`, `\p{Alpha}` and the like are about all of Unicode.
    pub const UNICODE_CLASS: Self = Self(32);
    /// `d`: only `\n` ends a line.
    pub const UNIX_LINES: Self = Self(64);

    /// These flags and the others.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These flags but for the others.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Returns true if all of the other flags are among these.
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}
