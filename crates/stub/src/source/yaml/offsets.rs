//! [`Offsets`], which converts the character indices of the YAML parser to byte indices.

/// A table of the byte indices of a text's characters.
pub(super) struct Offsets<'t> {
    text: &'t str,
    /// Byte index of every `STRIDE`th character; `None` if each character is a byte.
    steps: Option<Vec<usize>>,
}

impl<'t> Offsets<'t> {
    /// Builds the table in one pass over the text.
    pub(super) fn new(text: &'t str) -> Self {
        let steps = || text.char_indices().step_by(STRIDE).map(|(byte, _)| byte).collect();
        Self { text, steps: (!text.is_ascii()).then(steps) }
    }

    /// Returns the byte index of a character; the length of the text for one after the last.
    pub(super) fn byte(&self, character: usize) -> usize {
        let Some(steps) = &self.steps else { return character.min(self.text.len()) };
        let Some(step) = steps.get(character / STRIDE) else { return self.text.len() };
        let mut after = self.text[*step..].char_indices();
        after.nth(character % STRIDE).map_or(self.text.len(), |(byte, _)| step + byte)
    }
}

/// Number of characters from one entry of the table to the next.
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
