//! Places that are counted in characters, as bytes of the text.
//!
//! The YAML parser counts characters; everything else here, and what draws defects, counts bytes.

/// The places of a text.
pub(super) struct Offsets<'t> {
    text: &'t str,
    /// The byte of every `STRIDE`th character; `None` if each character is a byte.
    steps: Option<Vec<usize>>,
}

impl<'t> Offsets<'t> {
    /// Looks at the whole text once.
    pub(super) fn new(text: &'t str) -> Self {
        let steps = || text.char_indices().step_by(STRIDE).map(|(byte, _)| byte).collect();
        Self { text, steps: (!text.is_ascii()).then(steps) }
    }

    /// The byte at which a character begins; the end of the text for any after the last.
    pub(super) fn byte(&self, character: usize) -> usize {
        let Some(steps) = &self.steps else { return character.min(self.text.len()) };
        let Some(step) = steps.get(character / STRIDE) else { return self.text.len() };
        let mut after = self.text[*step..].char_indices();
        after.nth(character % STRIDE).map_or(self.text.len(), |(byte, _)| step + byte)
    }
}

const STRIDE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_found() {
        for text in ["", "plain", "é", &"aé😀\r\n".repeat(100)] {
            let offsets = Offsets::new(text);
            for (character, (byte, _)) in text.char_indices().enumerate() {
                assert_eq!(offsets.byte(character), byte);
            }
            assert_eq!(offsets.byte(text.chars().count()), text.len());
            assert_eq!(offsets.byte(usize::MAX), text.len());
        }
    }
}
