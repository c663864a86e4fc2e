//! Classes with a name: `\d`, `\p{Alpha}`, `\p{IsLatin}`, `\p{InGreek}`. What is ASCII in Java is
//! ASCII here.

use super::Flags;
use super::tree::CharSet;

/// First and last code point and name of every block.
const BLOCKS: &str = include_str!("blocks.txt");

/// General categories by their one or two letters, as both sides spell them.
const CATEGORIES: &[&str] = &[
    "C", "Cc", "Cf", "Cn", "Co", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P",
    "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
];

/// Returns the set of `\d`, `\D`, `\h` and the like; `None` for a letter that names none.
pub(super) fn shorthand(letter: char, flags: Flags) -> Option<CharSet> {
    let unicode = flags.has(Flags::UNICODE_CLASS);
    let set = match letter.to_ascii_lowercase() {
        'd' if unicode => CharSet::property("Nd"),
        'd' => spans(&[('0', '9')]),
        'h' => horizontal_space(),
        's' if unicode => CharSet::property("White_Space"),
        's' => spans(&[('\t', '\r'), (' ', ' ')]),
        'v' => vertical_space(),
        'w' if unicode => unicode_word(),
        'w' => spans(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
        _ => return None,
    };
    Some(set.negated_if(letter.is_ascii_uppercase()))
}

/// Returns the set of `\p{name}`; `None` if Java or the engines know no such property.
pub(super) fn named(name: &str, flags: Flags) -> Option<CharSet> {
    if let Some((key, value)) = name.split_once('=') {
        return match key.to_ascii_lowercase().as_str() {
            "blk" | "block" => block(value),
            "gc" | "general_category" => category(value, flags),
            "sc" | "script" => script(value),
            _ => None,
        };
    }
    if let Some(name) = name.strip_prefix("In") {
        return block(name);
    }
    if let Some(name) = name.strip_prefix("Is") {
        return binary(name, flags).or_else(|| category(name, flags)).or_else(|| script(name));
    }
    let unicode = if flags.has(Flags::UNICODE_CLASS) { posix(name, flags) } else { None };
    unicode.or_else(|| category(name, flags))
}

/// Returns Java's line terminators other than CR LF; only LF under the flag `d`.
pub(super) fn line_terminators(unix: bool) -> CharSet {
    if unix {
        spans(&[('\n', '\n')])
    } else {
        spans(&[('\n', '\n'), ('\r', '\r'), ('\u{85}', '\u{85}'), ('\u{2028}', '\u{2029}')])
    }
}

/// Returns the set of a general category, a POSIX class in ASCII, or a predicate of Java's
/// `Character`.
fn category(name: &str, flags: Flags) -> Option<CharSet> {
    let folded = flags.has(Flags::CASE_INSENSITIVE);
    let set = match name {
        "Lu" | "Ll" | "Lt" | "javaLowerCase" | "javaUpperCase" | "javaTitleCase" if folded => cased(name),
        "Lower" | "Upper" if folded => spans(&[('A', 'Z'), ('a', 'z')]),
        // no text holds half a surrogate pair
        "Cs" => CharSet::none(),
        "LC" => any(&["Lu", "Ll", "Lt"]),
        "LD" | "javaLetterOrDigit" => any(&["L", "Nd"]),
        "L1" => spans(&[('\0', 'ÿ')]),
        "all" => CharSet::all(),
        "ASCII" => spans(&[('\0', '\x7f')]),
        "Alnum" => spans(&[('0', '9'), ('A', 'Z'), ('a', 'z')]),
        "Alpha" => spans(&[('A', 'Z'), ('a', 'z')]),
        "Blank" => spans(&[('\t', '\t'), (' ', ' ')]),
        "Cntrl" => spans(&[('\0', '\x1f'), ('\x7f', '\x7f')]),
        "Digit" => spans(&[('0', '9')]),
        "Graph" => spans(&[('!', '~')]),
        "Lower" => spans(&[('a', 'z')]),
        "Print" => spans(&[(' ', '~')]),
        "Punct" => spans(&[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
        "Space" => spans(&[('\t', '\r'), (' ', ' ')]),
        "Upper" => spans(&[('A', 'Z')]),
        "XDigit" => spans(&[('0', '9'), ('A', 'F'), ('a', 'f')]),
        "javaAlphabetic" => CharSet::property("Alphabetic"),
        "javaDefined" => CharSet::property("Cn").negated(),
        "javaDigit" => CharSet::property("Nd"),
        "javaISOControl" => CharSet::property("Cc"),
        "javaIdentifierIgnorable" => ignorable(),
        "javaIdeographic" => CharSet::property("Ideographic"),
        "javaJavaIdentifierPart" => any(&["L", "Nl", "Sc", "Pc", "Nd", "Mc", "Mn"]).or(ignorable()),
        "javaJavaIdentifierStart" => any(&["L", "Nl", "Sc", "Pc"]),
        "javaLetter" => CharSet::property("L"),
        "javaLowerCase" => CharSet::property("Lowercase"),
        "javaSpaceChar" => CharSet::property("Z"),
        "javaTitleCase" => CharSet::property("Lt"),
        "javaUnicodeIdentifierPart" => CharSet::property("ID_Continue").or(ignorable()),
        "javaUnicodeIdentifierStart" => CharSet::property("ID_Start"),
        "javaUpperCase" => CharSet::property("Uppercase"),
        "javaWhitespace" => {
            let bound = spans(&[('\u{a0}', '\u{a0}'), ('\u{2007}', '\u{2007}'), ('\u{202f}', '\u{202f}')]);
            CharSet::property("Z").and(bound.negated()).or(spans(&[('\t', '\r'), ('\x1c', '\x1f')]))
        }
        _ if CATEGORIES.contains(&name) => CharSet::property(name),
        _ => return None,
    };
    Some(set)
}

/// Returns the set of `\p{IsName}` for a property of Unicode that Java knows, with its name in any
/// case.
fn binary(name: &str, flags: Flags) -> Option<CharSet> {
    let folded = flags.has(Flags::CASE_INSENSITIVE);
    let set = match name.to_ascii_uppercase().as_str() {
        "LOWERCASE" | "UPPERCASE" | "TITLECASE" if folded => cased("javaLowerCase"),
        "LOWERCASE" => CharSet::property("Lowercase"),
        "UPPERCASE" => CharSet::property("Uppercase"),
        "TITLECASE" => CharSet::property("Lt"),
        "ALPHABETIC" => CharSet::property("Alphabetic"),
        "LETTER" => CharSet::property("L"),
        "IDEOGRAPHIC" => CharSet::property("Ideographic"),
        "WHITE_SPACE" | "WHITESPACE" => CharSet::property("White_Space"),
        "CONTROL" => CharSet::property("Cc"),
        "PUNCTUATION" => CharSet::property("P"),
        "HEX_DIGIT" | "HEXDIGIT" => any(&["Nd", "Hex_Digit"]),
        "ASSIGNED" => CharSet::property("Cn").negated(),
        "NONCHARACTER_CODE_POINT" | "NONCHARACTERCODEPOINT" => CharSet::property("Noncharacter_Code_Point"),
        "DIGIT" => CharSet::property("Nd"),
        "ALNUM" => any(&["Alphabetic", "Nd"]),
        "BLANK" => blank(),
        "GRAPH" => graphic(),
        "PRINT" => graphic().or(blank()).and(CharSet::property("Cc").negated()),
        "WORD" => unicode_word(),
        "JOIN_CONTROL" | "JOINCONTROL" => CharSet::property("Join_Control"),
        _ => return None,
    };
    Some(set)
}

/// Returns the set of a POSIX class over Unicode, as under the flag `U`, with its name in any case.
fn posix(name: &str, flags: Flags) -> Option<CharSet> {
    match name.to_ascii_uppercase().as_str() {
        "ALPHA" => binary("ALPHABETIC", flags),
        "LOWER" => binary("LOWERCASE", flags),
        "UPPER" => binary("UPPERCASE", flags),
        "SPACE" => binary("WHITE_SPACE", flags),
        "PUNCT" => binary("PUNCTUATION", flags),
        "XDIGIT" => binary("HEX_DIGIT", flags),
        "CNTRL" => binary("CONTROL", flags),
        name @ ("ALNUM" | "DIGIT" | "BLANK" | "GRAPH" | "PRINT") => binary(name, flags),
        _ => None,
    }
}

/// Returns the set of a script by its name or its four letters.
fn script(name: &str) -> Option<CharSet> {
    if name.is_empty() || !name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') {
        return None;
    }
    let property = format!("sc={name}");
    regex::Regex::new(&format!(r"\p{{{property}}}")).ok()?;
    Some(CharSet::Property(property))
}

/// Returns the set of a block by its name, with or without spaces, in any case.
fn block(name: &str) -> Option<CharSet> {
    let plain = |name: &str| name.replace([' ', '_', '-'], "").to_ascii_uppercase();
    let wanted = match plain(name).as_str() {
        "GREEKANDCOPTIC" => "GREEK".to_owned(),
        "COMBININGDIACRITICALMARKSFORSYMBOLS" => "COMBININGMARKSFORSYMBOLS".to_owned(),
        "CYRILLICSUPPLEMENT" => "CYRILLICSUPPLEMENTARY".to_owned(),
        name => name.to_owned(),
    };
    BLOCKS.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (first, last, name) = (fields.next()?, fields.next()?, fields.next()?);
        if plain(name) != wanted {
            return None;
        }
        Some(CharSet::Spans(vec![(u32::from_str_radix(first, 16).ok()?, u32::from_str_radix(last, 16).ok()?)]))
    })
}

fn cased(name: &str) -> CharSet {
    if name.starts_with("java") { any(&["Lowercase", "Uppercase", "Lt"]) } else { any(&["Lu", "Ll", "Lt"]) }
}

fn unicode_word() -> CharSet {
    any(&["Alphabetic", "Mn", "Me", "Mc", "Nd", "Pc", "Join_Control"])
}

fn graphic() -> CharSet {
    any(&["Z", "Cc", "Cn"]).negated()
}

fn blank() -> CharSet {
    CharSet::property("Zs").or(spans(&[('\t', '\t')]))
}

fn ignorable() -> CharSet {
    CharSet::property("Cf").or(spans(&[('\0', '\x08'), ('\x0e', '\x1b'), ('\x7f', '\u{9f}')]))
}

fn horizontal_space() -> CharSet {
    spans(&[
        ('\t', '\t'),
        (' ', ' '),
        ('\u{a0}', '\u{a0}'),
        ('\u{1680}', '\u{1680}'),
        ('\u{180e}', '\u{180e}'),
        ('\u{2000}', '\u{200a}'),
        ('\u{202f}', '\u{202f}'),
        ('\u{205f}', '\u{205f}'),
        ('\u{3000}', '\u{3000}'),
    ])
}

fn vertical_space() -> CharSet {
    spans(&[('\n', '\r'), ('\u{85}', '\u{85}'), ('\u{2028}', '\u{2029}')])
}

fn any(properties: &[&str]) -> CharSet {
    CharSet::Union(properties.iter().map(|name| CharSet::property(name)).collect())
}

fn spans(spans: &[(char, char)]) -> CharSet {
    CharSet::Spans(spans.iter().map(|&(low, high)| (low.into(), high.into())).collect())
}
