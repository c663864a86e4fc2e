//! Classes with a name: `\d`, `\p{Alpha}`, `\p{IsLatin}`, `\p{InGreek}`. What is ASCII in Java is ASCII here.

use super::Flags;
use super::tree::Set;

/// First and last code point and name of every block.
const BLOCKS: &str = include_str!("blocks.txt");

/// General categories by their one or two letters, as both sides spell them.
const CATEGORIES: &[&str] = &[
    "C", "Cc", "Cf", "Cn", "Co", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P",
    "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
];

/// The set of `\d`, `\D`, `\h` and the like; `None` for a letter that names none.
pub(super) fn shorthand(letter: char, flags: Flags) -> Option<Set> {
    let unicode = flags.has(Flags::UNICODE_CLASS);
    let set = match letter.to_ascii_lowercase() {
        'd' if unicode => Set::property("Nd"),
        'd' => spans(&[('0', '9')]),
        'h' => horizontal_space(),
        's' if unicode => Set::property("White_Space"),
        's' => spans(&[('\t', '\r'), (' ', ' ')]),
        'v' => vertical_space(),
        'w' if unicode => unicode_word(),
        'w' => spans(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
        _ => return None,
    };
    Some(set.negated_if(letter.is_ascii_uppercase()))
}

/// The set of `\p{name}`; `None` where Java or the engines know no such property.
pub(super) fn named(name: &str, flags: Flags) -> Option<Set> {
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

/// Java's line terminators but for CR LF; only LF under the flag `d`.
pub(super) fn line_terminators(unix: bool) -> Set {
    if unix {
        spans(&[('\n', '\n')])
    } else {
        spans(&[('\n', '\n'), ('\r', '\r'), ('\u{85}', '\u{85}'), ('\u{2028}', '\u{2029}')])
    }
}

/// General categories, POSIX classes in ASCII, and the predicates of Java's `Character`.
fn category(name: &str, flags: Flags) -> Option<Set> {
    let folded = flags.has(Flags::CASE_INSENSITIVE);
    let set = match name {
        "Lu" | "Ll" | "Lt" | "javaLowerCase" | "javaUpperCase" | "javaTitleCase" if folded => cased(name),
        "Lower" | "Upper" if folded => spans(&[('A', 'Z'), ('a', 'z')]),
        // no text holds half a surrogate pair
        "Cs" => Set::none(),
        "LC" => any(&["Lu", "Ll", "Lt"]),
        "LD" | "javaLetterOrDigit" => any(&["L", "Nd"]),
        "L1" => spans(&[('\0', 'ÿ')]),
        "all" => Set::all(),
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
        "javaAlphabetic" => Set::property("Alphabetic"),
        "javaDefined" => Set::property("Cn").negated(),
        "javaDigit" => Set::property("Nd"),
        "javaISOControl" => Set::property("Cc"),
        "javaIdentifierIgnorable" => ignorable(),
        "javaIdeographic" => Set::property("Ideographic"),
        "javaJavaIdentifierPart" => any(&["L", "Nl", "Sc", "Pc", "Nd", "Mc", "Mn"]).or(ignorable()),
        "javaJavaIdentifierStart" => any(&["L", "Nl", "Sc", "Pc"]),
        "javaLetter" => Set::property("L"),
        "javaLowerCase" => Set::property("Lowercase"),
        "javaSpaceChar" => Set::property("Z"),
        "javaTitleCase" => Set::property("Lt"),
        "javaUnicodeIdentifierPart" => Set::property("ID_Continue").or(ignorable()),
        "javaUnicodeIdentifierStart" => Set::property("ID_Start"),
        "javaUpperCase" => Set::property("Uppercase"),
        "javaWhitespace" => {
            let bound = spans(&[('\u{a0}', '\u{a0}'), ('\u{2007}', '\u{2007}'), ('\u{202f}', '\u{202f}')]);
            Set::property("Z").and(bound.negated()).or(spans(&[('\t', '\r'), ('\x1c', '\x1f')]))
        }
        _ if CATEGORIES.contains(&name) => Set::property(name),
        _ => return None,
    };
    Some(set)
}

/// `\p{IsName}` for the properties of Unicode that Java knows; their names in any case.
fn binary(name: &str, flags: Flags) -> Option<Set> {
    let folded = flags.has(Flags::CASE_INSENSITIVE);
    let set = match name.to_ascii_uppercase().as_str() {
        "LOWERCASE" | "UPPERCASE" | "TITLECASE" if folded => cased("javaLowerCase"),
        "LOWERCASE" => Set::property("Lowercase"),
        "UPPERCASE" => Set::property("Uppercase"),
        "TITLECASE" => Set::property("Lt"),
        "ALPHABETIC" => Set::property("Alphabetic"),
        "LETTER" => Set::property("L"),
        "IDEOGRAPHIC" => Set::property("Ideographic"),
        "WHITE_SPACE" | "WHITESPACE" => Set::property("White_Space"),
        "CONTROL" => Set::property("Cc"),
        "PUNCTUATION" => Set::property("P"),
        "HEX_DIGIT" | "HEXDIGIT" => any(&["Nd", "Hex_Digit"]),
        "ASSIGNED" => Set::property("Cn").negated(),
        "NONCHARACTER_CODE_POINT" | "NONCHARACTERCODEPOINT" => Set::property("Noncharacter_Code_Point"),
        "DIGIT" => Set::property("Nd"),
        "ALNUM" => any(&["Alphabetic", "Nd"]),
        "BLANK" => blank(),
        "GRAPH" => graphic(),
        "PRINT" => graphic().or(blank()).and(Set::property("Cc").negated()),
        "WORD" => unicode_word(),
        "JOIN_CONTROL" | "JOINCONTROL" => Set::property("Join_Control"),
        _ => return None,
    };
    Some(set)
}

/// POSIX classes over Unicode, as under the flag `U`; their names in any case.
fn posix(name: &str, flags: Flags) -> Option<Set> {
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

/// A script by its name or its four letters.
fn script(name: &str) -> Option<Set> {
    if name.is_empty() || !name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') {
        return None;
    }
    let property = format!("sc={name}");
    regex::Regex::new(&format!(r"\p{{{property}}}")).ok()?;
    Some(Set::Property(property))
}

/// A block by its name, with or without spaces, in any case.
fn block(name: &str) -> Option<Set> {
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
        Some(Set::Spans(vec![(u32::from_str_radix(first, 16).ok()?, u32::from_str_radix(last, 16).ok()?)]))
    })
}

fn cased(name: &str) -> Set {
    if name.starts_with("java") { any(&["Lowercase", "Uppercase", "Lt"]) } else { any(&["Lu", "Ll", "Lt"]) }
}

fn unicode_word() -> Set {
    any(&["Alphabetic", "Mn", "Me", "Mc", "Nd", "Pc", "Join_Control"])
}

fn graphic() -> Set {
    any(&["Z", "Cc", "Cn"]).negated()
}

fn blank() -> Set {
    Set::property("Zs").or(spans(&[('\t', '\t')]))
}

fn ignorable() -> Set {
    Set::property("Cf").or(spans(&[('\0', '\x08'), ('\x0e', '\x1b'), ('\x7f', '\u{9f}')]))
}

fn horizontal_space() -> Set {
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

fn vertical_space() -> Set {
    spans(&[('\n', '\r'), ('\u{85}', '\u{85}'), ('\u{2028}', '\u{2029}')])
}

fn any(properties: &[&str]) -> Set {
    Set::Union(properties.iter().map(|name| Set::property(name)).collect())
}

fn spans(spans: &[(char, char)]) -> Set {
    Set::Spans(spans.iter().map(|&(low, high)| (low.into(), high.into())).collect())
}
