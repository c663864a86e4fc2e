//! The rules of `standin check`: each kind of defect has an id, by which code review tools group
//! and silence it.

/// A kind of defect.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Id, in lower case with dashes.
    pub id: &'static str,
    /// Short description, for the list of rules.
    pub summary: &'static str,
}

impl Rule {
    /// Every error without a rule of its own.
    pub const INVALID: Self = Self { id: "invalid", summary: "a file or stub that cannot be used, and is left out" };

    /// Every warning without a rule of its own.
    pub const SUSPICIOUS: Self =
        Self { id: "suspicious", summary: "something that is accepted, and probably not what was meant" };

    /// A file or an entry of a list that is no stub.
    pub const NO_STUB: Self =
        Self { id: "no-stub", summary: "a file without `request` and `response`, or in the format of another tool" };

    /// A body file that is not there.
    pub const MISSING_BODY_FILE: Self =
        Self { id: "missing-body-file", summary: "a `bodyFileName` without a file: its calls are answered with 500" };

    /// Two stubs with one id.
    pub const DUPLICATE_ID: Self = Self { id: "duplicate-id", summary: "an id that several stubs state" };

    /// A name that stands twice in an object.
    pub const REPEATED_NAME: Self =
        Self { id: "repeated-name", summary: "a name that stands twice in an object: the last value counts" };

    /// A request that no client can send.
    pub const NEVER_MATCHES: Self = Self { id: "never-matches", summary: "a condition that no request can meet" };

    /// A stub behind another that takes all its requests.
    pub const NEVER_REACHED: Self =
        Self { id: "never-reached", summary: "a stub that another one hides, or a scenario state that nothing sets" };

    /// A template that is sent as it stands.
    pub const NOT_RENDERED: Self =
        Self { id: "template-not-rendered", summary: "`{{…}}` in a stub that does not name the transformer" };

    /// An extension that is not there.
    pub const UNKNOWN_EXTENSION: Self = Self {
        id: "unknown-extension",
        summary: "a transformer, listener or matcher of an extension that standin does not have",
    };

    /// A secret in a stub.
    pub const SECRET: Self = Self { id: "secret", summary: "a stub that contains what looks like a secret" };

    /// A profile of an old recording.
    pub const STALE: Self = Self { id: "stale", summary: "a profile whose recording is older than `--stale` allows" };

    /// All rules that `check` knows.
    pub const ALL: [&'static Self; 12] = [
        &Self::INVALID,
        &Self::SUSPICIOUS,
        &Self::NO_STUB,
        &Self::MISSING_BODY_FILE,
        &Self::DUPLICATE_ID,
        &Self::REPEATED_NAME,
        &Self::NEVER_MATCHES,
        &Self::NEVER_REACHED,
        &Self::NOT_RENDERED,
        &Self::UNKNOWN_EXTENSION,
        &Self::SECRET,
        &Self::STALE,
    ];
}
