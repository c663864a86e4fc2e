//! Classes with a name: `\d`, `\p{Alpha}`, `\p{IsLatin}`, `\p{InGreek}`. What is ASCII in Java is ASCII here.

use super::RegexError;
use super::translate::{Cursor, Flags, TERMINATORS};

/// POSIX classes: the name, what it is in ASCII, and with the flag `U`.
const POSIX: [(&str, &str, &str); 13] = [
    ("ASCII", r"\x{0}-\x{7f}", r"\x{0}-\x{7f}"),
    ("Alnum", "a-zA-Z0-9", r"\p{Alphabetic}\p{Nd}"),
    ("Alpha", "a-zA-Z", r"\p{Alphabetic}"),
    ("Blank", r" \t", r"\p{Zs}\t"),
    ("Cntrl", r"\x{0}-\x{1f}\x{7f}", r"\p{Cc}"),
    ("Digit", "0-9", r"\p{Nd}"),
    ("Graph", "!-~", r"[^\p{White_Space}\p{Cc}\p{Cs}\p{Cn}]"),
    ("Lower", "a-z", r"\p{Lowercase}"),
    ("Print", " -~", r"[[^\p{White_Space}\p{Cc}\p{Cs}\p{Cn}]\p{Zs}]"),
    ("Punct", r"!-/:-@\[-`{-~", r"\p{P}"),
    ("Space", r" \t\n\x{b}\f\r", r"\p{White_Space}"),
    ("Upper", "A-Z", r"\p{Uppercase}"),
    ("XDigit", "0-9a-fA-F", r"\p{Nd}\p{Hex_Digit}"),
];

/// Java's own predicates.
const JAVA: [(&str, &str); 12] = [
    ("javaAlphabetic", r"\p{Alphabetic}"),
    ("javaDigit", r"\p{Nd}"),
    ("javaISOControl", r"\x{0}-\x{1f}\x{7f}-\x{9f}"),
    ("javaIdeographic", r"\p{Ideographic}"),
    ("javaLetter", r"\p{L}"),
    ("javaLetterOrDigit", r"\p{L}\p{Nd}"),
    ("javaLowerCase", r"\p{Lowercase}"),
    ("javaSpaceChar", r"\p{Z}"),
    ("javaTitleCase", r"\p{Lt}"),
    ("javaUpperCase", r"\p{Uppercase}"),
    ("javaWhitespace", r"[\p{Z}\t-\r\x{1c}-\x{1f}--\x{a0}\x{2007}\x{202f}]"),
    ("javaDefined", r"\P{Cn}"),
];

/// Binary properties, in lower case without separators.
const BINARY: [(&str, &str); 14] = [
    ("alphabetic", r"\p{Alphabetic}"),
    ("assigned", r"\P{Cn}"),
    ("control", r"\p{Cc}"),
    ("digit", r"\p{Nd}"),
    ("emoji", r"\p{Emoji}"),
    ("hexdigit", r"\p{Nd}\p{Hex_Digit}"),
    ("ideographic", r"\p{Ideographic}"),
    ("joincontrol", r"\p{Join_Control}"),
    ("letter", r"\p{L}"),
    ("lowercase", r"\p{Lowercase}"),
    ("punctuation", r"\p{P}"),
    ("titlecase", r"\p{Lt}"),
    ("uppercase", r"\p{Uppercase}"),
    ("whitespace", r"\p{White_Space}"),
];

/// Blocks that stubs may name, in lower case without separators.
const BLOCKS: [(&str, &str); 18] = [
    ("arabic", r"\x{600}-\x{6ff}"),
    ("basiclatin", r"\x{0}-\x{7f}"),
    ("cjkunifiedideographs", r"\x{4e00}-\x{9fff}"),
    ("cyrillic", r"\x{400}-\x{4ff}"),
    ("devanagari", r"\x{900}-\x{97f}"),
    ("emoticons", r"\x{1f600}-\x{1f64f}"),
    ("generalpunctuation", r"\x{2000}-\x{206f}"),
    ("greek", r"\x{370}-\x{3ff}"),
    ("greekandcoptic", r"\x{370}-\x{3ff}"),
    ("hangulsyllables", r"\x{ac00}-\x{d7af}"),
    ("hebrew", r"\x{590}-\x{5ff}"),
    ("hiragana", r"\x{3040}-\x{309f}"),
    ("katakana", r"\x{30a0}-\x{30ff}"),
    ("latin1supplement", r"\x{80}-\x{ff}"),
    ("latinextendeda", r"\x{100}-\x{17f}"),
    ("latinextendedb", r"\x{180}-\x{24f}"),
    ("currencysymbols", r"\x{20a0}-\x{20cf}"),
    ("thai", r"\x{e00}-\x{e7f}"),
];

const HORIZONTAL: &str = r" \t\x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}";

/// What stands in the brackets for `\d`, `\W` and the like.
pub(super) fn shorthand(letter: char, flags: Flags) -> Option<String> {
    let class = match letter.to_ascii_lowercase() {
        'd' if flags.unicode_class => r"\p{Nd}".to_owned(),
        'd' => "0-9".to_owned(),
        'h' => HORIZONTAL.to_owned(),
        's' if flags.unicode_class => r"\p{White_Space}".to_owned(),
        's' => r" \t\n\x{b}\f\r".to_owned(),
        'v' => format!(r"\x{{b}}\f{TERMINATORS}"),
        'w' if flags.unicode_class => r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}".to_owned(),
        'w' => "a-zA-Z0-9_".to_owned(),
        _ => return None,
    };
    Some(if letter.is_ascii_uppercase() { format!("^{class}") } else { class })
}

/// Reads a property after `\p` or `\P`; gives what stands in the brackets.
pub(super) fn read(cursor: &mut Cursor<'_>, flags: Flags, negated: bool, start: usize) -> Result<String, RegexError> {
    let name = if cursor.take("{") {
        if !cursor.rest().contains('}') {
            return Err(RegexError::new(start, "unclosed character family", "add `}`"));
        }
        cursor.until("}").to_owned()
    } else {
        cursor.next().map(String::from).unwrap_or_default()
    };
    let class = class_of(&name, flags).filter(|class| regex::Regex::new(&format!("[{class}]")).is_ok());
    match class {
        Some(class) if negated => Ok(format!("^{class}")),
        Some(class) => Ok(class),
        None => {
            let mend = "use one such as `\\p{L}`, `\\p{Alpha}` or `\\p{IsLatin}`, or name the characters";
            Err(RegexError::new(start, format!("unknown or untranslatable character property `{name}`"), mend))
        }
    }
}

fn class_of(name: &str, flags: Flags) -> Option<String> {
    let either_case = |class: &str| flags.case_insensitive && matches!(class, "Lower" | "Upper" | "Lu" | "Ll" | "Lt");
    if let Some((key, value)) = name.split_once('=') {
        return match key.to_ascii_lowercase().as_str() {
            "sc" | "script" => Some(format!(r"\p{{Script={value}}}")),
            "blk" | "block" => find(&BLOCKS, &plain(value)),
            "gc" | "general_category" => Some(format!(r"\p{{gc={value}}}")),
            _ => None,
        };
    }
    if let Some((posix, ascii, unicode)) = POSIX.iter().find(|(posix, ..)| *posix == name) {
        let class = if flags.unicode_class { unicode } else { ascii };
        if !either_case(posix) {
            return Some((*class).to_owned());
        }
        return Some(if flags.unicode_class { r"\p{Cased}".to_owned() } else { "a-zA-Z".to_owned() });
    }
    if let Some(class) = find(&JAVA, name) {
        return Some(class);
    }
    if let Some(block) = name.strip_prefix("In") {
        return find(&BLOCKS, &plain(block));
    }
    if let Some(rest) = name.strip_prefix("Is") {
        return find(&BINARY, &plain(rest))
            .or_else(|| category(rest, flags))
            .or_else(|| Some(format!(r"\p{{Script={rest}}}")));
    }
    category(name, flags)
}

/// A general category, by its one or two letters.
fn category(name: &str, flags: Flags) -> Option<String> {
    if flags.case_insensitive && matches!(name, "Lu" | "Ll" | "Lt") {
        return Some(r"\p{Lu}\p{Ll}\p{Lt}".to_owned());
    }
    match name {
        "L1" => Some(r"\x{0}-\x{ff}".to_owned()),
        "LC" => Some(r"\p{Lu}\p{Ll}\p{Lt}".to_owned()),
        "LD" => Some(r"\p{L}\p{Nd}".to_owned()),
        "all" => Some(r"\x{0}-\x{10FFFF}".to_owned()),
        // no text holds half a surrogate pair
        "Cs" => Some(r"\x{0}&&\x{1}".to_owned()),
        _ if name.len() <= 2 && name.starts_with(|c: char| c.is_ascii_uppercase()) => Some(format!(r"\p{{gc={name}}}")),
        _ => None,
    }
}

fn find(table: &[(&str, &str)], name: &str) -> Option<String> {
    table.iter().find(|(known, _)| *known == name).map(|(_, class)| (*class).to_owned())
}

/// Lower case, without what separates words.
fn plain(name: &str) -> String {
    name.to_lowercase().replace([' ', '_', '-'], "")
}
